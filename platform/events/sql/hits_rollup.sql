SELECT
    {key} AS key, {bucket} AS bucket, {user} AS user_id, {company} AS company_id,
    calls, CASE WHEN failed THEN calls ELSE 0 END AS errors,
    first, last, durations
FROM {table}
WHERE {where}
