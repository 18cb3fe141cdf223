SELECT epoch_us(date_trunc('day', time)) AS day
FROM {table}
WHERE time >= make_timestamp(?::BIGINT) AND time < make_timestamp(?::BIGINT)
GROUP BY day
HAVING count(*) > ? * count(DISTINCT (app, time, failed, {dimensions}))
ORDER BY day;
