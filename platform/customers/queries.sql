-- name: user_profile
SELECT profile FROM users WHERE app = ? AND id = ?;

-- name: save_user
INSERT INTO users (app, id, company_id, profile, modified_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (app, id) DO UPDATE SET
    company_id = CASE excluded.company_id WHEN '' THEN company_id ELSE excluded.company_id END,
    profile = excluded.profile,
    modified_at = excluded.modified_at;

-- name: company_profile
SELECT profile FROM companies WHERE app = ? AND id = ?;

-- name: save_company
INSERT INTO companies (app, id, profile, modified_at) VALUES (?, ?, ?, ?)
ON CONFLICT (app, id) DO UPDATE SET profile = excluded.profile, modified_at = excluded.modified_at;

-- name: subscription_profile
SELECT profile FROM subscriptions WHERE app = ? AND id = ?;

-- name: save_subscription
INSERT INTO subscriptions (app, id, company_id, status, profile, modified_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (app, id) DO UPDATE SET
    company_id = excluded.company_id,
    status = CASE excluded.status WHEN '' THEN status ELSE excluded.status END,
    profile = excluded.profile,
    modified_at = excluded.modified_at;

-- name: see_user
INSERT INTO users (app, id, company_id, first_seen, last_seen) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (app, id) DO UPDATE SET
    company_id = CASE
        WHEN excluded.company_id <> '' AND excluded.last_seen >= coalesce(last_seen, excluded.last_seen)
        THEN excluded.company_id ELSE company_id END,
    first_seen = min(coalesce(first_seen, excluded.first_seen), excluded.first_seen),
    last_seen = max(coalesce(last_seen, excluded.last_seen), excluded.last_seen)
RETURNING company_id, first_seen, last_seen;

-- name: see_company
INSERT INTO companies (app, id, first_seen, last_seen) VALUES (?, ?, ?, ?)
ON CONFLICT (app, id) DO UPDATE SET
    first_seen = min(coalesce(first_seen, excluded.first_seen), excluded.first_seen),
    last_seen = max(coalesce(last_seen, excluded.last_seen), excluded.last_seen)
RETURNING first_seen, last_seen;

-- name: user_seen_later
UPDATE users SET last_seen = max(coalesce(last_seen, ?1), ?1) WHERE app = ?2 AND id = ?3;

-- name: company_seen_later
UPDATE companies SET last_seen = max(coalesce(last_seen, ?1), ?1) WHERE app = ?2 AND id = ?3;

-- name: users
-- What is in the profile is left out unless ?2.
SELECT id, company_id,
    CASE WHEN ?2 THEN coalesce(nullif(cast(profile ->> '$.metadata.name' AS TEXT), ''),
        trim(coalesce(profile ->> '$.metadata.first_name', '') || ' ' || coalesce(profile ->> '$.metadata.last_name', ''))) ELSE '' END,
    CASE WHEN ?2 THEN coalesce(cast(profile ->> '$.metadata.email' AS TEXT), '') ELSE '' END,
    first_seen, last_seen, '{}'
FROM users WHERE app = ?1 ORDER BY id;

-- name: user
SELECT id, company_id,
    coalesce(nullif(cast(profile ->> '$.metadata.name' AS TEXT), ''),
        trim(coalesce(profile ->> '$.metadata.first_name', '') || ' ' || coalesce(profile ->> '$.metadata.last_name', ''))),
    coalesce(cast(profile ->> '$.metadata.email' AS TEXT), ''),
    first_seen, last_seen, profile
FROM users WHERE app = ?1 AND id = ?2;

-- name: companies
-- What is in the profile is left out unless ?2.
SELECT id,
    CASE WHEN ?2 THEN coalesce(cast(profile ->> '$.metadata.name' AS TEXT), '') ELSE '' END,
    CASE WHEN ?2 THEN coalesce(cast(profile ->> '$.company_domain' AS TEXT), '') ELSE '' END,
    first_seen, last_seen, '{}', 0
FROM companies WHERE app = ?1 ORDER BY id;

-- name: company
SELECT id,
    coalesce(cast(profile ->> '$.metadata.name' AS TEXT), ''),
    coalesce(cast(profile ->> '$.company_domain' AS TEXT), ''),
    first_seen, last_seen, profile,
    (SELECT count(*) FROM users u WHERE u.app = companies.app AND u.company_id = companies.id)
FROM companies WHERE app = ?1 AND id = ?2;

-- name: forget_user
DELETE FROM users WHERE app = ? AND id = ?;

-- name: forget_company
DELETE FROM companies WHERE app = ? AND id = ?;

-- name: forget_company_of_users
UPDATE users SET company_id = '' WHERE app = ? AND company_id = ?;

-- name: forget_company_subscriptions
DELETE FROM subscriptions WHERE app = ? AND company_id = ?;
