-- +goose Up

-- owner is a person's id, '' for what nobody in particular made. question is JSON.
CREATE TABLE charts (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    app         TEXT NOT NULL,
    owner       TEXT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    shared      INTEGER NOT NULL,
    question    TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX charts_app ON charts (app, number);

-- tiles is a JSON array of charts with their sizes, in order. A chart that is no
-- longer there is passed over.
CREATE TABLE dashboards (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    app         TEXT NOT NULL,
    owner       TEXT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    shared      INTEGER NOT NULL,
    tiles       TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX dashboards_app ON dashboards (app, number);

-- What signs an application's embed tokens: another secret makes all of them void.
CREATE TABLE embed_secrets (
    app    TEXT PRIMARY KEY,
    secret BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE embed_secrets;
DROP TABLE dashboards;
DROP TABLE charts;
