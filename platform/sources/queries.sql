-- name: delays
SELECT delays FROM source_minutes WHERE app = ? AND minute = ? AND source = ?;

-- name: add
INSERT INTO source_minutes (app, minute, source, batches, received, duplicate, rejected, late, ahead, delays)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (app, minute, source) DO UPDATE SET
    batches = batches + excluded.batches, received = received + excluded.received, duplicate = duplicate + excluded.duplicate,
    rejected = rejected + excluded.rejected, late = late + excluded.late, ahead = ahead + excluded.ahead, delays = excluded.delays;

-- name: forget
DELETE FROM source_minutes WHERE minute < ?;

-- name: range
SELECT minute, source, batches, received, duplicate, rejected, late, ahead, delays
FROM source_minutes WHERE app = ? AND minute >= ? AND minute < ? ORDER BY minute, source;
