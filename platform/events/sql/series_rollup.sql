WITH hits AS ({hits}),
chosen AS (
    SELECT key
    FROM hits
    GROUP BY key
    ORDER BY sum(calls) DESC, key
    LIMIT ?
)
SELECT
    chosen.key IS NULL AS others,
    coalesce(chosen.key, '') AS key,
    bucket,
    sum(calls)::BIGINT,
    sum(errors)::BIGINT,
    string_agg(durations, '')
FROM hits LEFT JOIN chosen ON hits.key = chosen.key
GROUP BY ALL
ORDER BY others, key, bucket;
