SELECT epoch_us(min(time)), epoch_us(max(time))
FROM events
WHERE {where};
