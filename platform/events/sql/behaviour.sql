WITH hits AS (
    SELECT {key} AS key, time, weight, status >= 400 OR status = 0 AS failed, {selected}
    FROM events
    WHERE {where}
)
SELECT key, {measured}
FROM hits
WHERE key <> ''
GROUP BY key;
