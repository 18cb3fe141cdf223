-- name: applications
SELECT number, id, name, application_id, created_at, rate, burst, revoked_at FROM applications ORDER BY number;

-- name: add_application
INSERT INTO applications (id, name, application_id, created_at) VALUES (?, ?, ?, ?);

-- name: applications_count
SELECT count(*) FROM applications;

-- name: change_application
UPDATE applications SET name = ?, rate = ?, burst = ? WHERE id = ?;

-- name: set_application_id
UPDATE applications SET application_id = ?, revoked_at = 0 WHERE id = ?;

-- name: revoke_application
UPDATE applications SET application_id = ?, revoked_at = ? WHERE id = ?;

-- name: old_application_ids
SELECT hash, app, tail, until_at FROM old_application_ids WHERE until_at > ? ORDER BY until_at;

-- name: keep_old_application_id
INSERT INTO old_application_ids (hash, app, tail, until_at) VALUES (?, ?, ?, ?);

-- name: end_old_application_ids
DELETE FROM old_application_ids WHERE app = ?;

-- name: delete_ended_application_ids
DELETE FROM old_application_ids WHERE until_at <= ?;

-- name: people_count
SELECT count(*) FROM people;

-- name: person_by_email
SELECT id, email, password_hash, password_at, role FROM people WHERE email = ?;

-- name: person_by_id
SELECT id, email, password_hash, password_at, role FROM people WHERE id = ?;

-- name: person_by_subject
SELECT id, email, password_hash, password_at, role FROM people WHERE subject = ?;

-- name: people
SELECT id, email, role, created_at, password_hash <> '', subject <> '' FROM people ORDER BY created_at, rowid;

-- name: owners_count
SELECT count(*) FROM people WHERE role = 'owner';

-- name: set_role
UPDATE people SET role = ? WHERE id = ?;

-- name: set_subject
UPDATE people SET subject = ?, password_hash = '', password_at = ? WHERE id = ?;

-- name: delete_person
DELETE FROM people WHERE id = ?;

-- name: invitations
SELECT id, email, role, created_by, created_at, expires_at FROM invitations WHERE expires_at > ? ORDER BY created_at, id;

-- name: invitation_by_id
SELECT id, email, role FROM invitations WHERE id = ?;

-- name: invitation_by_hash
SELECT id, email, role FROM invitations WHERE hash = ? AND expires_at > ?;

-- name: invitation_by_email
SELECT id, email, role FROM invitations WHERE email = ? AND expires_at > ?;

-- name: invitations_count
SELECT count(*) FROM invitations;

-- name: delete_invitations_in_the_way
DELETE FROM invitations WHERE email = ? OR expires_at <= ?;

-- name: add_invitation
INSERT INTO invitations (id, email, role, hash, created_by, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: delete_invitation
DELETE FROM invitations WHERE id = ?;

-- name: delete_invitations_by
DELETE FROM invitations WHERE created_by = ?;

-- name: tokens
SELECT t.id, t.name, t.scopes, t.created_by, coalesce(p.email, ''), coalesce(p.role, ''), t.created_at, t.expires_at, t.last_used_at
FROM api_tokens t LEFT JOIN people p ON p.id = t.created_by ORDER BY t.created_at DESC, t.id;

-- name: token_by_hash
SELECT t.id, t.name, t.scopes, t.created_by, coalesce(p.email, ''), coalesce(p.role, ''), t.created_at, t.expires_at, t.last_used_at
FROM api_tokens t LEFT JOIN people p ON p.id = t.created_by WHERE t.hash = ?;

-- name: tokens_count
SELECT count(*) FROM api_tokens;

-- name: add_token
INSERT INTO api_tokens (id, name, hash, scopes, created_by, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: use_token
UPDATE api_tokens SET last_used_at = ? WHERE id = ?;

-- name: delete_token
DELETE FROM api_tokens WHERE id = ? RETURNING name;

-- name: delete_tokens_by
DELETE FROM api_tokens WHERE created_by = ?;

-- name: add_person
INSERT INTO people (id, email, password_hash, password_at, created_at, role, subject) VALUES (?, ?, ?, ?, ?, ?, ?);

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

-- name: add_audit
INSERT INTO audit (at, who_kind, who_id, who_name, address, operation, target, app, notes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: audit
SELECT number, at, who_kind, who_id, who_name, address, operation, target, app, notes FROM audit
WHERE (? = 0 OR number < ?) AND (? = '' OR who_id = ?)
ORDER BY number DESC LIMIT ?;

-- name: set_audit_horizon
UPDATE audit_horizon SET before = ? WHERE one = 1;

-- name: sweep_audit
DELETE FROM audit WHERE number IN (SELECT number FROM audit WHERE at < ? ORDER BY at LIMIT ?);
