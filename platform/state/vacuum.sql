-- name: vacuum
VACUUM;

-- name: empty_log
PRAGMA wal_checkpoint(TRUNCATE);

-- name: text_columns
SELECT t.name, c.name
FROM sqlite_schema t JOIN pragma_table_info(t.name) c
WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND upper(c.type) = 'TEXT';

-- name: traces
-- As a whole value, or as a text or a name within a JSON document.
SELECT count(*) FROM "{table}" WHERE "{column}" = ?1 OR instr("{column}", json_quote(?1)) > 0;
