-- Bodies without their event, in parts as in verify_twice.
SELECT app, transaction_id
FROM bodies b
WHERE hash(app, transaction_id) % ?::UBIGINT = ?::UBIGINT AND NOT EXISTS (
    SELECT 1
    FROM events e
    WHERE hash(e.app, e.transaction_id) = hash(b.app, b.transaction_id)
        AND hash(e.app, e.transaction_id) % ?::UBIGINT = ?::UBIGINT
)
ORDER BY app, transaction_id
LIMIT 10;
