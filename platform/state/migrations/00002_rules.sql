-- +goose Up

-- number is the order of creation, in which rules are served: the later of two
-- wins. document is the rule in the form in which it is served, but for the ids of
-- organisation and application. customers_hash
-- is the SHA-256 of the rule's customers, '' when there are none; bytes is how
-- much of the served documents the rule takes, enabled or not.
CREATE TABLE rules (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,
    app            TEXT NOT NULL,
    id             TEXT NOT NULL UNIQUE,
    enabled        INTEGER NOT NULL,
    document       TEXT NOT NULL,
    customers_hash TEXT NOT NULL,
    bytes          INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX rules_app ON rules (app, number);

-- The users or companies in a rule's cohort; merge_values is a JSON object of
-- strings by the name of the rule's variable.
CREATE TABLE rule_customers (
    rule         INTEGER NOT NULL REFERENCES rules (number) ON DELETE CASCADE,
    id           TEXT NOT NULL,
    merge_values TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (rule, id)
) STRICT, WITHOUT ROWID;

-- An application without a row has the defaults.
CREATE TABLE configurations (
    app        TEXT PRIMARY KEY,
    document   TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE configurations;
DROP TABLE rule_customers;
DROP TABLE rules;
