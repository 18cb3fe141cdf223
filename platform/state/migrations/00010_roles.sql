-- +goose Up

-- Whoever was here before there were roles made the data directory.
ALTER TABLE people ADD COLUMN role TEXT NOT NULL DEFAULT 'read-only';
UPDATE people SET role = 'owner';

-- '' before the first sign-in through the issuer: the issuer and the person's
-- subject there.
ALTER TABLE people ADD COLUMN subject TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX people_subject ON people (subject) WHERE subject <> '';

-- Whoever has the token behind the hash becomes a person; one for an address.
CREATE TABLE invitations (
    id         TEXT PRIMARY KEY,
    email      TEXT NOT NULL UNIQUE COLLATE NOCASE,
    role       TEXT NOT NULL,
    hash       BLOB NOT NULL UNIQUE,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE invitations;
DROP INDEX people_subject;
ALTER TABLE people DROP COLUMN subject;
ALTER TABLE people DROP COLUMN role;
