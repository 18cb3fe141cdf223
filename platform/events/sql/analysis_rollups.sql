SELECT key AS k1, '' AS k2, '' AS k3, bucket, calls AS weight, errors, 0 AS refusals, user_id, company_id, durations
FROM ({hits})
