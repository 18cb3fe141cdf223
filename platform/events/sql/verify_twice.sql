-- Events that are there twice although the first was still remembered when the second came.
SELECT app, transaction_id, count(*)
FROM events
GROUP BY app, transaction_id
HAVING count(*) > 1 AND max(received_at) - min(received_at) < INTERVAL 30 DAY
ORDER BY app, transaction_id
LIMIT 10;
