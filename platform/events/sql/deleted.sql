SELECT app, what, reason, sum(items)::BIGINT
FROM deleted
GROUP BY app, what, reason;
