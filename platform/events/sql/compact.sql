CREATE TEMP TABLE compacted AS
WITH parts AS (
    SELECT *
    FROM {table}
    WHERE time >= make_timestamp(?::BIGINT) AND time < make_timestamp(?::BIGINT)
),
letters AS (
    SELECT app, time, failed, {dimensions}, entry[1] AS letter, sum(coalesce(nullif(entry[2:], ''), '1')::BIGINT)::BIGINT AS n
    FROM (SELECT app, time, failed, {dimensions}, unnest(regexp_extract_all(durations, '[^0-9][0-9]*')) AS entry FROM parts)
    GROUP BY ALL
),
texts AS (
    SELECT app, time, failed, {dimensions}, string_agg(letter || CASE WHEN n > 1 THEN n::VARCHAR ELSE '' END, '') AS durations
    FROM letters
    GROUP BY ALL
),
sums AS (
    SELECT
        app, time, failed, {dimensions},
        sum(events)::BIGINT AS events, sum(calls)::BIGINT AS calls, sum(refused)::BIGINT AS refused,
        least(sum(request_bytes), 9223372036854775807)::BIGINT AS request_bytes, least(sum(response_bytes), 9223372036854775807)::BIGINT AS response_bytes,
        min(first) AS first, max(last) AS last
    FROM parts
    GROUP BY ALL
)
SELECT sums.*, texts.durations
FROM sums LEFT JOIN texts USING (app, time, failed, {dimensions});
