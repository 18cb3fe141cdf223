-- Days of which the rollups do not say the same. What was cut off of one of them at the
-- old end is not compared: retention takes one after the other.
WITH sums AS (
    SELECT 'traffic_day' AS rollup, app, time AS day, sum(events) AS events, sum(calls) AS calls FROM traffic_day GROUP BY ALL
    UNION ALL SELECT 'traffic_hour', app, date_trunc('day', time), sum(events), sum(calls) FROM traffic_hour GROUP BY ALL
    UNION ALL SELECT 'traffic_minute', app, date_trunc('day', time), sum(events), sum(calls) FROM traffic_minute GROUP BY ALL
    UNION ALL SELECT 'companies_day', app, time, sum(events), sum(calls) FROM companies_day GROUP BY ALL
    UNION ALL SELECT 'companies_hour', app, date_trunc('day', time), sum(events), sum(calls) FROM companies_hour GROUP BY ALL
    UNION ALL SELECT 'users_day', app, time, sum(events), sum(calls) FROM users_day GROUP BY ALL
),
begins AS (
    SELECT app, max(begin) AS begin
    FROM (SELECT app, rollup, min(day) AS begin FROM sums GROUP BY ALL)
    GROUP BY app
)
SELECT app, strftime(day, '%Y-%m-%d'), string_agg(rollup || ' ' || events::VARCHAR || ' (' || calls::VARCHAR || ')', ', ' ORDER BY rollup)
FROM sums JOIN begins USING (app)
WHERE day >= begin
GROUP BY app, day
HAVING count(*) < 6 OR min(events) < max(events) OR min(calls) < max(calls)
ORDER BY app, day
LIMIT 10;
