SELECT transaction_id, request_body, request_encoding, response_body, response_encoding
FROM bodies
WHERE app = ?
  AND time BETWEEN make_timestamp(?::BIGINT) AND make_timestamp(?::BIGINT)
  AND transaction_id IN ({ids});
