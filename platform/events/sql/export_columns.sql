time, received_at, transaction_id, duration_us, user_id, company_id, subscription_id, session, direction, verb,
        scheme, host, path, query, route, status, answered, ip, user_agent, api_version, request_bytes, response_bytes,
        weight, blocked_by, refused, identity, ahead, late, request_headers, response_headers, metadata
