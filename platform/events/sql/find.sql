-- The rows of a page are found by few columns first.
SELECT epoch_us(time), rowid
FROM events
WHERE {where}
ORDER BY time DESC
LIMIT ?;
