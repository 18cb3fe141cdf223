-- Applications whose rollups have not counted exactly what is there and what was deleted
-- since. Where retention has cut the rollups nobody knows.
WITH counted AS (
    SELECT app, sum(events) AS events FROM traffic_day GROUP BY app
),
found AS (
    SELECT app, sum(events) AS events
    FROM (
        SELECT app, count(*) AS events FROM events WHERE seq <= (SELECT rolled FROM position) GROUP BY app
        UNION ALL SELECT app, sum(items) FROM deleted WHERE what = 'events' GROUP BY app
    )
    GROUP BY app
)
SELECT app, coalesce(c.events, 0)::BIGINT, coalesce(f.events, 0)::BIGINT
FROM counted c FULL JOIN found f USING (app)
WHERE coalesce(c.events, 0) <> coalesce(f.events, 0)
    AND app NOT IN (SELECT app FROM deleted WHERE what = 'rollups' AND reason = 'retention')
ORDER BY app
LIMIT 10;
