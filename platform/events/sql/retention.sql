WITH hits AS ({hits}),
cohorts AS (
    SELECT key, (epoch_us(min(first)) // 86400000000 + ?) // 7 AS week
    FROM hits
    WHERE key <> ''
    GROUP BY key
    HAVING week >= ?
),
active AS (
    SELECT DISTINCT key, (bucket + ?) // 7 AS week
    FROM ({active})
    WHERE key <> ''
)
SELECT week AS cohort, -1 AS after, count(*) AS customers FROM cohorts GROUP BY week
UNION ALL
SELECT cohorts.week, active.week - cohorts.week, count(*)
FROM cohorts JOIN active USING (key)
WHERE active.week >= cohorts.week
GROUP BY ALL;
