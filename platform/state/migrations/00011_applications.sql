-- +goose Up

-- rate 0 is no limit; revoked_at 0 is not revoked.
ALTER TABLE applications ADD COLUMN rate INTEGER NOT NULL DEFAULT 0;
ALTER TABLE applications ADD COLUMN burst INTEGER NOT NULL DEFAULT 0;
ALTER TABLE applications ADD COLUMN revoked_at INTEGER NOT NULL DEFAULT 0;

-- Application ids that were replaced and go on for a while: their SHA-256, and
-- their last characters, which tell people which one it was.
CREATE TABLE old_application_ids (
    hash     BLOB PRIMARY KEY,
    app      TEXT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
    tail     TEXT NOT NULL,
    until_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE old_application_ids;
ALTER TABLE applications DROP COLUMN revoked_at;
ALTER TABLE applications DROP COLUMN burst;
ALTER TABLE applications DROP COLUMN rate;
