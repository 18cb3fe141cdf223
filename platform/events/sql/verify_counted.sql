-- Days of which more events are there than the rollups have counted, of those that they
-- should have counted.
WITH rows AS (
    SELECT app, date_trunc('day', time) AS day, count(*) AS events, sum(weight) AS calls
    FROM events
    WHERE seq <= (SELECT rolled FROM position)
    GROUP BY ALL
),
sums AS (
    SELECT app, time AS day, sum(events) AS events, sum(calls) AS calls
    FROM traffic_day
    GROUP BY ALL
),
cut AS (SELECT DISTINCT app FROM deleted WHERE what = 'rollups' AND reason = 'retention')
SELECT app, strftime(day, '%Y-%m-%d'), r.events, coalesce(s.events, 0)::BIGINT
FROM rows r LEFT JOIN sums s USING (app, day)
WHERE (r.events > coalesce(s.events, 0) OR r.calls > coalesce(s.calls, 0)) AND NOT (s.app IS NULL AND app IN (FROM cut))
ORDER BY app, day
LIMIT 10;
