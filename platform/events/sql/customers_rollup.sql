WITH hits AS ({hits})
SELECT
    key, sum(calls)::BIGINT AS calls, sum(errors)::BIGINT, string_agg(durations, ''),
    epoch_us(min(first)), epoch_us(max(last)), count(DISTINCT user_id) FILTER (WHERE user_id <> '')
FROM hits
WHERE key <> ''
GROUP BY key
ORDER BY calls DESC, key;
