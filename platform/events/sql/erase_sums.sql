-- The calls stay in the sums, as nobody's.
UPDATE {table} SET {column} = ''
WHERE app = ? AND {column} = ?;
