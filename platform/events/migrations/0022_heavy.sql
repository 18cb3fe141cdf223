-- Up to this block there are rows that are too large for DuckDB to join row groups:
-- it keeps all that it unpacks together in memory, 2048 rows at once. Of what is there
-- already only the largest text of each row group is known.
ALTER TABLE position ADD COLUMN heavy BIGINT DEFAULT 0;
UPDATE position SET heavy = seq
WHERE 32768 < (
    SELECT max(TRY_CAST(regexp_extract(stats, 'Max String Length: (\d+)', 1) AS BIGINT))
    FROM (
        SELECT stats FROM pragma_storage_info('events')
        UNION ALL
        SELECT stats FROM pragma_storage_info('bodies')
        UNION ALL
        SELECT stats FROM pragma_storage_info('actions')
    )
);
