SELECT app, sum(items)::BIGINT
FROM (
    SELECT app, count(*) AS items FROM events GROUP BY app
    UNION ALL
    SELECT app, count(*) AS items FROM actions GROUP BY app
)
GROUP BY app;
