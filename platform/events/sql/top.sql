WITH rows AS (
    SELECT
        {key} AS key,
        sum(weight)::BIGINT AS calls,
        coalesce(sum(weight) FILTER (WHERE status >= 400 OR status = 0), 0)::BIGINT AS errors,
        quantile_disc(duration_us, [0.5, 0.95, 0.99]) AS quantiles,
        epoch_us(max(time)) AS last_seen
    FROM events
    WHERE {where}
    GROUP BY {key}
)
SELECT key, calls, errors, quantiles[1], quantiles[2], quantiles[3], last_seen
FROM rows
ORDER BY calls DESC, key
LIMIT ?;
