INSERT INTO rewritten.{table}
SELECT *
FROM {table}
WHERE rowid >= ? AND rowid < ?;
