-- name: applications
SELECT number, id, name, application_id, created_at FROM applications ORDER BY number;

-- name: add_application
INSERT INTO applications (id, name, application_id, created_at) VALUES (?, ?, ?, ?);

-- name: people_count
SELECT count(*) FROM people;

-- name: person_by_email
SELECT id, email, password_hash, password_at FROM people WHERE email = ?;

-- name: person_by_id
SELECT id, email, password_hash, password_at FROM people WHERE id = ?;

-- name: add_person
INSERT INTO people (id, email, password_hash, password_at, created_at) VALUES (?, ?, ?, ?, ?);

-- name: change_person
UPDATE people SET email = ?, password_hash = ?, password_at = ? WHERE id = ?;

-- name: set_sign_in_token
INSERT INTO sign_in_token (one, hash, created_at) VALUES (1, ?, ?)
ON CONFLICT (one) DO UPDATE SET hash = excluded.hash, created_at = excluded.created_at;

-- name: sign_in_token
SELECT hash FROM sign_in_token;

-- name: use_sign_in_token
DELETE FROM sign_in_token WHERE hash = ?;

-- name: drop_sign_in_token
DELETE FROM sign_in_token;

-- name: find_session
SELECT data FROM sessions WHERE token = ? AND expire_at > ?;

-- name: save_session
INSERT INTO sessions (token, data, expire_at) VALUES (?, ?, ?)
ON CONFLICT (token) DO UPDATE SET data = excluded.data, expire_at = excluded.expire_at;

-- name: delete_session
DELETE FROM sessions WHERE token = ?;

-- name: delete_expired_sessions
DELETE FROM sessions WHERE expire_at <= ?;
