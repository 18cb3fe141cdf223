SELECT coalesce(epoch_us(min(first)), 0), coalesce(epoch_us(max(last)), 0)
FROM traffic_day
WHERE app = ?;
