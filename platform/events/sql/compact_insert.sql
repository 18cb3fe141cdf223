INSERT INTO {table} BY NAME
SELECT *
FROM compacted
ORDER BY app, time, {dimensions};
