SELECT
    {key} AS key, {bucket} AS bucket, coalesce(user_id, '') AS user_id, coalesce(company_id, '') AS company_id,
    weight AS calls, CASE WHEN status >= 400 OR status = 0 THEN weight ELSE 0 END AS errors,
    time AS first, time AS last, chr(256 + duration_bucket(duration_us)) AS durations
FROM events
WHERE {where}
