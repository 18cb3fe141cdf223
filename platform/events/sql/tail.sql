SELECT count(*), epoch_us(min(received_at))
FROM events
WHERE seq > ?;
