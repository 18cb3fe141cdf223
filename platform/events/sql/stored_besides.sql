SELECT app, sum(items)::BIGINT
FROM (
    SELECT app, count(*) AS items FROM actions GROUP BY app
    UNION ALL
    SELECT app, items FROM deleted WHERE what IN ('events', 'actions')
)
GROUP BY app;
