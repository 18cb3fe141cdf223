SELECT app, count(*)
FROM events
WHERE seq > ?
GROUP BY app;
