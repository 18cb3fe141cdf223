SELECT epoch_us(time), epoch_us(min(first)), epoch_us(max(last)), sum(events)::BIGINT
FROM {table}
WHERE {where}
GROUP BY time{apart}
ORDER BY time DESC
LIMIT ?;
