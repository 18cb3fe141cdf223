-- Events that are there twice although the first was still remembered when the second
-- came: of those whose number falls into a part, because the numbers of all may not fit
-- into memory.
WITH twice AS (
    SELECT hash(app, transaction_id) AS number
    FROM events
    WHERE hash(app, transaction_id) % ?::UBIGINT = ?::UBIGINT
    GROUP BY number
    HAVING count(*) > 1 AND max(received_at) - min(received_at) < INTERVAL 30 DAY
)
SELECT app, transaction_id, count(*)
FROM events
WHERE hash(app, transaction_id) IN (FROM twice)
GROUP BY app, transaction_id
HAVING count(*) > 1
ORDER BY app, transaction_id
LIMIT 10;
