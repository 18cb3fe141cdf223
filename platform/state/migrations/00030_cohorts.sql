-- +goose Up

-- criteria is a document, version counts how often it was edited, and
-- evaluated_version is the version by which the members were found: 0 before the
-- first time. revision counts how often the members changed.
CREATE TABLE cohorts (
    number            INTEGER PRIMARY KEY AUTOINCREMENT,
    app               TEXT NOT NULL,
    id                TEXT NOT NULL UNIQUE,
    name              TEXT NOT NULL,
    kind              TEXT NOT NULL CHECK (kind IN ('user', 'company')),
    criteria          TEXT NOT NULL,
    members           INTEGER NOT NULL DEFAULT 0,
    revision          INTEGER NOT NULL DEFAULT 0,
    version           INTEGER NOT NULL DEFAULT 1,
    evaluated_version INTEGER NOT NULL DEFAULT 0,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX cohorts_app ON cohorts (app, number);

CREATE TABLE cohort_members (
    cohort     INTEGER NOT NULL REFERENCES cohorts (number) ON DELETE CASCADE,
    id         TEXT NOT NULL,
    entered_at INTEGER NOT NULL,
    PRIMARY KEY (cohort, id)
) STRICT, WITHOUT ROWID;

-- Who entered and left, in the order in which it was found. edited: because the
-- cohort was made or edited, not because the customer did anything.
CREATE TABLE cohort_changes (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    app     TEXT NOT NULL,
    cohort  INTEGER NOT NULL REFERENCES cohorts (number) ON DELETE CASCADE,
    id      TEXT NOT NULL,
    entered INTEGER NOT NULL,
    edited  INTEGER NOT NULL,
    at      INTEGER NOT NULL
) STRICT;
CREATE INDEX cohort_changes_app ON cohort_changes (app, number);
CREATE INDEX cohort_changes_cohort ON cohort_changes (cohort, number);
CREATE INDEX cohort_changes_at ON cohort_changes (at);

-- How many members there were at the end of the hour that begins at the time;
-- hours without a change have no row.
CREATE TABLE cohort_sizes (
    cohort  INTEGER NOT NULL REFERENCES cohorts (number) ON DELETE CASCADE,
    at      INTEGER NOT NULL,
    members INTEGER NOT NULL,
    PRIMARY KEY (cohort, at)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE cohort_sizes;
DROP TABLE cohort_changes;
DROP TABLE cohort_members;
DROP TABLE cohorts;
