SELECT app, reason, sum(items)::BIGINT
FROM dropped
GROUP BY app, reason;
