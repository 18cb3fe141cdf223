SELECT count(*)
FROM {tables}
WHERE {where};
