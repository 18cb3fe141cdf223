-- +goose Up

-- customer is the id while the erasure goes on, and '' once it is done: the
-- receipt has only a hash of it.
CREATE TABLE erasures (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT NOT NULL UNIQUE,
    app          TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('user', 'company')),
    customer     TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    done_at      INTEGER,
    problem      TEXT NOT NULL DEFAULT '',
    receipt      TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX erasures_app ON erasures (app, number);

-- +goose Down
DROP TABLE erasures;
