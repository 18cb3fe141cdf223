events AS e
LEFT JOIN (
    SELECT transaction_id AS id, time AS at, request_body, response_body
    FROM bodies
    WHERE {where}
) AS b ON b.id = e.transaction_id AND b.at = e.time
