LEFT JOIN (
    SELECT time, transaction_id, request_body, request_encoding
    FROM bodies
    WHERE app = ?
      AND time BETWEEN make_timestamp(?::BIGINT) AND make_timestamp(?::BIGINT)
      AND request_body IS NOT NULL
) b ON b.time = e.time AND b.transaction_id = e.transaction_id
