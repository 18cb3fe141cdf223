-- name: add
INSERT INTO erasures (id, app, kind, customer, requested_at) VALUES (?, ?, ?, ?, ?);

-- name: next
SELECT id, app, kind, customer, requested_at, receipt FROM erasures WHERE done_at IS NULL ORDER BY number LIMIT 1;

-- name: trouble
UPDATE erasures SET problem = ? WHERE id = ?;

-- name: save_receipt
UPDATE erasures SET customer = '', problem = '', receipt = ? WHERE id = ?;

-- name: done
UPDATE erasures SET done_at = ? WHERE id = ?;

-- name: list
SELECT id, kind, requested_at, done_at, problem, receipt FROM erasures WHERE app = ? ORDER BY number DESC LIMIT 200;

-- name: one
SELECT id, kind, requested_at, done_at, problem, receipt FROM erasures WHERE app = ? AND id = ?;
