SELECT
    {columns},
    e.weight, CASE WHEN e.status >= 400 OR e.status = 0 THEN e.weight ELSE 0 END AS errors,
    CASE WHEN e.refused IS NOT NULL THEN e.weight ELSE 0 END AS refusals, e.user_id, e.company_id
FROM (
    SELECT * FROM events
    WHERE app = ? AND time >= make_timestamp(?::BIGINT) AND time < make_timestamp(?::BIGINT)
) AS e
LEFT JOIN (
    SELECT transaction_id, request_body, response_body FROM bodies
    WHERE app = ? AND time >= make_timestamp(?::BIGINT) AND time < make_timestamp(?::BIGINT)
) AS b ON b.transaction_id = e.transaction_id
WHERE {where}
