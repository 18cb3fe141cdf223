-- Of rows with the same time, those that come first.
SELECT epoch_us(time), rowid
FROM events
WHERE {where}
ORDER BY transaction_id DESC
LIMIT ?;
