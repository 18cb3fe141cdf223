INSERT INTO {table}
SELECT
    app, time, {dimensions}, failed,
    sum(events)::BIGINT, sum(calls)::BIGINT, sum(refused)::BIGINT, least(sum(request_bytes), 9223372036854775807)::BIGINT, least(sum(response_bytes), 9223372036854775807)::BIGINT,
    min(first), max(last),
    string_agg(chr(256 + bucket) || CASE WHEN events > 1 THEN events::VARCHAR ELSE '' END, '')
FROM (
    SELECT
        app, date_trunc('{grain}', time) AS time, {keys}, status >= 400 OR status = 0 AS failed,
        duration_bucket(duration_us) AS bucket,
        count(*) AS events,
        sum(weight) AS calls,
        coalesce(sum(weight) FILTER (WHERE refused IS NOT NULL), 0) AS refused,
        coalesce(sum(request_bytes), 0) AS request_bytes,
        coalesce(sum(response_bytes), 0) AS response_bytes,
        min(time) AS first,
        max(time) AS last
    FROM events
    WHERE seq > ?
    GROUP BY ALL
)
GROUP BY app, time, {dimensions}, failed
ORDER BY app, time, {dimensions};
