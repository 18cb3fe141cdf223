-- The marks ask for headers and bodies where they are needed.
SELECT e.time, e.transaction_id, e.user_id, e.company_id, e.verb, e.scheme, e.host, e.path, e.query, e.uri, e.status, e.ip,
       e.request_bytes, e.weight, e.blocked_by, e.metadata, {headers} AS headers, {body} AS body, {encoding} AS encoding
FROM (
    SELECT *
    FROM events
    WHERE {where}
    ORDER BY time DESC, transaction_id DESC
    LIMIT ?
) e
{bodies}
ORDER BY e.time DESC, e.transaction_id DESC;
