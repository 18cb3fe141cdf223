-- The rows are found by their keys first: bodies are read of these only.
SELECT transaction_id, request_body, request_encoding, response_body, response_encoding
FROM bodies
WHERE rowid IN (
    SELECT rowid
    FROM bodies
    WHERE app = ?
      AND time BETWEEN make_timestamp(?::BIGINT) AND make_timestamp(?::BIGINT)
      AND transaction_id IN ({ids})
);
