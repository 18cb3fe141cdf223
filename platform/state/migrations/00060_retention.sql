-- +goose Up

-- How many days data is kept, 0 for ever. An application without a row keeps all.
CREATE TABLE retention (
    app        TEXT PRIMARY KEY,
    events     INTEGER NOT NULL,
    bodies     INTEGER NOT NULL,
    rollups    INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE retention;
