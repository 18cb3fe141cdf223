SELECT count(*)
FROM {table}
WHERE {where};
