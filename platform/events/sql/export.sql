COPY (
    SELECT {columns}
    FROM (SELECT * FROM events WHERE {where}) AS events {bodies}
    ORDER BY time, transaction_id
) TO '{path}' ({format});
