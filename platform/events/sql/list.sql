-- The rows that were found, newest first: their numbers hold within the transaction.
SELECT {columns}
FROM events
WHERE rowid IN (SELECT unnest([{rows}]))
ORDER BY time DESC, transaction_id DESC;
