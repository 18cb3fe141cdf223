SELECT epoch_us(max(time))
FROM users_day;
