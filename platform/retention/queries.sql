-- name: settings
SELECT app, events, bodies, rollups FROM retention;

-- name: of
SELECT events, bodies, rollups FROM retention WHERE app = ?;

-- name: save
INSERT INTO retention (app, events, bodies, rollups, updated_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (app) DO UPDATE SET
    events = excluded.events, bodies = excluded.bodies, rollups = excluded.rollups, updated_at = excluded.updated_at;
