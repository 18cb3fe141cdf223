SELECT epoch_us(time), sum(events)::BIGINT
FROM {table}
WHERE {where}
GROUP BY time
ORDER BY time DESC
LIMIT ?;
