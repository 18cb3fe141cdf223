WITH hits AS ({hits}),
chosen AS (
    SELECT key, sum(calls)::BIGINT AS calls
    FROM hits
    GROUP BY key
    ORDER BY calls DESC, key
    LIMIT ?
)
SELECT key, any_value(chosen.calls) AS calls, sum(errors)::BIGINT, string_agg(durations, ''), epoch_us(max(last))
FROM hits JOIN chosen USING (key)
GROUP BY key
ORDER BY calls DESC, key;
