-- name: charts
-- An id of '' stands for all; a viewer of '*' sees those of everybody.
SELECT id, owner, name, description, shared, question, created_at, updated_at FROM charts
WHERE app = ?1 AND (?2 = '' OR id = ?2) AND (shared OR owner IN ('', ?3) OR ?3 = '*') ORDER BY number;

-- name: add_chart
INSERT INTO charts (app, id, owner, name, description, shared, question, created_at, updated_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8);

-- name: change_chart
UPDATE charts SET name = ?3, description = ?4, shared = ?5, question = ?6, updated_at = ?7 WHERE app = ?1 AND id = ?2;

-- name: delete_chart
DELETE FROM charts WHERE app = ? AND id = ?;

-- name: count_charts
SELECT count(*) FROM charts WHERE app = ?;

-- name: dashboards
SELECT id, owner, name, description, shared, tiles, created_at, updated_at FROM dashboards
WHERE app = ?1 AND (?2 = '' OR id = ?2) AND (shared OR owner IN ('', ?3) OR ?3 = '*') ORDER BY number;

-- name: add_dashboard
INSERT INTO dashboards (app, id, owner, name, description, shared, tiles, created_at, updated_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8);

-- name: change_dashboard
UPDATE dashboards SET name = ?3, description = ?4, shared = ?5, tiles = ?6, updated_at = ?7 WHERE app = ?1 AND id = ?2;

-- name: delete_dashboard
DELETE FROM dashboards WHERE app = ? AND id = ?;

-- name: count_dashboards
SELECT count(*) FROM dashboards WHERE app = ?;

-- name: secret
SELECT secret FROM embed_secrets WHERE app = ?;

-- name: set_secret
INSERT INTO embed_secrets (app, secret) VALUES (?1, ?2)
ON CONFLICT (app) DO UPDATE SET secret = excluded.secret;

-- name: make_secret
INSERT INTO embed_secrets (app, secret) VALUES (?1, ?2) ON CONFLICT (app) DO NOTHING;
