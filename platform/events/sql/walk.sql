-- The rows are found by few columns first. Bodies are read where the marks ask for them.
SELECT e.time, e.transaction_id, e.user_id, e.company_id, e.verb, e.scheme, e.host, e.path, e.query, e.uri, e.status, e.ip,
       e.request_bytes, e.weight, e.blocked_by, e.metadata, {headers} AS headers, {body} AS body, {encoding} AS encoding
FROM events e
{bodies}
WHERE e.rowid IN (
    SELECT rowid
    FROM events
    WHERE {where}
    ORDER BY time DESC, transaction_id DESC
    LIMIT ?
)
ORDER BY e.time DESC, e.transaction_id DESC;
