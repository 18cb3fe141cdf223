-- Bodies without their event.
SELECT app, transaction_id
FROM bodies b
WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.app = b.app AND e.transaction_id = b.transaction_id)
ORDER BY app, transaction_id
LIMIT 10;
