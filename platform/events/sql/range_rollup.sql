WITH hits AS ({hits})
SELECT epoch_us(min(first)), epoch_us(max(last))
FROM hits;
