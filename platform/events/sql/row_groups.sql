-- How many rows each row group of a table has, whether they were deleted or not.
SELECT sum(count)::BIGINT
FROM pragma_storage_info(?)
WHERE column_id = 0 AND segment_type <> 'VALIDITY'
GROUP BY row_group_id
ORDER BY row_group_id;
