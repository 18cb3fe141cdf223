-- name: known_users
-- The profile is left out unless ?2.
SELECT id, company_id, first_seen, last_seen, CASE WHEN ?2 THEN profile ELSE '' END
FROM users WHERE app = ?1 ORDER BY id;

-- name: known_companies
SELECT id, '', first_seen, last_seen, CASE WHEN ?2 THEN profile ELSE '' END
FROM companies WHERE app = ?1 ORDER BY id;

-- name: subscription_facts
SELECT company_id, status, coalesce(profile ->> '$.items', '[]')
FROM subscriptions WHERE app = ?1 AND company_id <> '' ORDER BY company_id;

-- name: labels_users
-- Of the ids in the JSON array ?2, each looked for: CROSS JOIN keeps SQLite from going
-- through everybody with the array in its hand.
SELECT u.id,
    coalesce(nullif(cast(profile ->> '$.metadata.name' AS TEXT), ''),
        trim(coalesce(profile ->> '$.metadata.first_name', '') || ' ' || coalesce(profile ->> '$.metadata.last_name', ''))),
    coalesce(cast(profile ->> '$.metadata.email' AS TEXT), ''),
    company_id, first_seen, last_seen
FROM json_each(?2) wanted CROSS JOIN users u ON u.app = ?1 AND u.id = wanted.value;

-- name: labels_companies
SELECT c.id,
    coalesce(cast(profile ->> '$.metadata.name' AS TEXT), ''),
    coalesce(cast(profile ->> '$.company_domain' AS TEXT), ''),
    '', first_seen, last_seen
FROM json_each(?2) wanted CROSS JOIN companies c ON c.app = ?1 AND c.id = wanted.value;

-- name: profiles_users
-- Of the ids in the JSON array ?2.
SELECT u.id, u.company_id,
    coalesce(nullif(cast(profile ->> '$.metadata.name' AS TEXT), ''),
        trim(coalesce(profile ->> '$.metadata.first_name', '') || ' ' || coalesce(profile ->> '$.metadata.last_name', ''))),
    first_seen, profile
FROM json_each(?2) wanted CROSS JOIN users u ON u.app = ?1 AND u.id = wanted.value;

-- name: profiles_companies
SELECT c.id, c.id, coalesce(cast(profile ->> '$.metadata.name' AS TEXT), ''), first_seen, profile
FROM json_each(?2) wanted CROSS JOIN companies c ON c.app = ?1 AND c.id = wanted.value;

-- name: fields_users
-- Names in the metadata of some profiles, most frequent first.
SELECT key, count(*) AS n FROM (SELECT profile FROM users WHERE app = ?1 AND modified_at IS NOT NULL LIMIT 1000) p, json_each(p.profile, '$.metadata')
GROUP BY key ORDER BY n DESC, key LIMIT 100;

-- name: fields_companies
SELECT key, count(*) AS n FROM (SELECT profile FROM companies WHERE app = ?1 AND modified_at IS NOT NULL LIMIT 1000) p, json_each(p.profile, '$.metadata')
GROUP BY key ORDER BY n DESC, key LIMIT 100;

-- name: company_subscriptions
SELECT id, company_id, status, profile, modified_at
FROM subscriptions WHERE app = ?1 AND company_id = ?2 ORDER BY modified_at DESC, id LIMIT 200;
