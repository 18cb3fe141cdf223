-- The rows of a page are found by few columns first.
SELECT epoch_us(time), transaction_id, rowid
FROM events
WHERE {where}
ORDER BY time DESC, transaction_id DESC
LIMIT ?;
