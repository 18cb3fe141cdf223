-- The rows are found first, by their times, which are quicker to compare than
-- ids: bodies are read of these only.
SELECT transaction_id, request_body, request_encoding, response_body, response_encoding
FROM bodies
WHERE rowid IN (
    SELECT rowid
    FROM bodies
    WHERE app = ?
      AND time BETWEEN make_timestamp(?::BIGINT) AND make_timestamp(?::BIGINT)
      AND time IN ({times})
);
