SELECT DISTINCT epoch_us(date_trunc('day', time))
FROM events
WHERE seq > ?;
