-- The rows that were found, newest first: their numbers hold within the transaction. By
-- them DuckDB passes over thousands of rows at a time, and unpacks what the condition
-- leaves of the others.
SELECT {columns}
FROM events
WHERE {where} AND rowid IN (SELECT unnest([{rows}]))
ORDER BY time DESC, transaction_id DESC;
