-- +goose Up

-- What a rule was after each change of it, so that one can see who changed what
-- and go back. The last version of a deleted rule is what was deleted. rule is '' where the
-- order of all rules was changed; document then has their ids before and after.
CREATE TABLE rule_versions (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,
    app            TEXT NOT NULL,
    rule           TEXT NOT NULL,
    at             INTEGER NOT NULL,
    who            TEXT NOT NULL,
    how            TEXT NOT NULL,
    state          TEXT NOT NULL,
    place          INTEGER NOT NULL,
    document       TEXT NOT NULL,
    customers_hash TEXT NOT NULL
) STRICT;
CREATE INDEX rule_versions_rule ON rule_versions (app, rule, number);
CREATE INDEX rule_versions_app ON rule_versions (app, number);

-- The customers that versions have, by the SHA-256 of their JSON: gzip of it.
CREATE TABLE rule_version_customers (
    app       TEXT NOT NULL,
    hash      TEXT NOT NULL,
    customers BLOB NOT NULL,
    PRIMARY KEY (app, hash)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE rule_version_customers;
DROP TABLE rule_versions;
