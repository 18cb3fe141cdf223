WITH hits AS ({hits}),
chosen (line, k1, k2, k3) AS (VALUES {chosen})
SELECT coalesce(line, ?) AS at, bucket, {metrics}, {letters}
FROM hits LEFT JOIN chosen USING (k1, k2, k3)
GROUP BY line, bucket;
