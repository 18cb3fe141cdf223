-- name: user_document
SELECT id, company_id, '', profile, first_seen, last_seen, modified_at FROM users WHERE app = ? AND id = ?;

-- name: company_document
SELECT id, id, '', profile, first_seen, last_seen, modified_at FROM companies WHERE app = ? AND id = ?;

-- name: subscription_document
SELECT id, company_id, status, profile, NULL, NULL, modified_at FROM subscriptions WHERE app = ? AND id = ?;

-- name: subscription_documents
SELECT id, company_id, status, profile, NULL, NULL, modified_at FROM subscriptions WHERE app = ? AND company_id = ? ORDER BY id LIMIT 1000;

-- name: delete_user
DELETE FROM users WHERE app = ? AND id = ?;

-- name: delete_company
DELETE FROM companies WHERE app = ? AND id = ?;

-- name: delete_subscription
DELETE FROM subscriptions WHERE app = ? AND id = ?;

-- name: users_number
SELECT count(*) FROM users WHERE app = ?;

-- name: companies_number
SELECT count(*) FROM companies WHERE app = ?;
