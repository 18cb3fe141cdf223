-- The events are read twice: to keep them in between takes longer.
WITH hits AS NOT MATERIALIZED (
    SELECT {key} AS key, epoch_us(time) // ? AS bucket, weight, status, duration_us
    FROM events
    WHERE {where}
),
chosen AS MATERIALIZED (
    SELECT key
    FROM hits
    GROUP BY key
    ORDER BY sum(weight) DESC, key
    LIMIT ?
),
points AS (
    SELECT
        chosen.key,
        bucket,
        sum(weight)::BIGINT AS calls,
        coalesce(sum(weight) FILTER (WHERE status >= 400 OR status = 0), 0)::BIGINT AS errors,
        quantile_disc(duration_us, [0.5, 0.95, 0.99]) AS quantiles
    FROM hits LEFT JOIN chosen ON hits.key = chosen.key
    GROUP BY ALL
)
SELECT key IS NULL AS others, coalesce(key, ''), bucket, calls, errors, quantiles[1], quantiles[2], quantiles[3]
FROM points
ORDER BY others, key, bucket;
