-- +goose Up

-- What came from whom within a minute. delays has the number of items for each
-- step of delay, separated by commas. It is for looking at: the books are the
-- journal's and the event store's.
CREATE TABLE source_minutes (
    app       TEXT NOT NULL,
    minute    INTEGER NOT NULL, -- since 1970
    source    TEXT NOT NULL,
    batches   INTEGER NOT NULL,
    received  INTEGER NOT NULL,
    duplicate INTEGER NOT NULL,
    rejected  INTEGER NOT NULL,
    late      INTEGER NOT NULL,
    ahead     INTEGER NOT NULL,
    delays    TEXT NOT NULL,
    PRIMARY KEY (app, minute, source)
) STRICT, WITHOUT ROWID;
CREATE INDEX source_minutes_age ON source_minutes (minute);

-- +goose Down
DROP TABLE source_minutes;
