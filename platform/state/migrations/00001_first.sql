-- Times are microseconds since 1970-01-01 UTC, in columns named *_at or *_seen.

-- +goose Up
CREATE TABLE applications (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,
    id             TEXT NOT NULL UNIQUE,
    name           TEXT NOT NULL,
    application_id TEXT NOT NULL UNIQUE,
    created_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE people (
    id            TEXT PRIMARY KEY,
    email         TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password_hash TEXT NOT NULL,
    password_at   INTEGER NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;

-- At most one row: the SHA-256 of the one-time token that can still be used.
CREATE TABLE sign_in_token (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    hash       BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- The token column holds the hash of the cookie's value, never the value.
CREATE TABLE sessions (
    token     TEXT PRIMARY KEY,
    data      BLOB NOT NULL,
    expire_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_expiry ON sessions (expire_at);

-- profile is the merged document without the ids; first_seen and last_seen are
-- the times of the oldest and newest call, null before the first one.
CREATE TABLE users (
    app         TEXT NOT NULL,
    id          TEXT NOT NULL,
    company_id  TEXT NOT NULL DEFAULT '',
    profile     TEXT NOT NULL DEFAULT '{}',
    first_seen  INTEGER,
    last_seen   INTEGER,
    modified_at INTEGER,
    PRIMARY KEY (app, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX users_company ON users (app, company_id);

CREATE TABLE companies (
    app         TEXT NOT NULL,
    id          TEXT NOT NULL,
    profile     TEXT NOT NULL DEFAULT '{}',
    first_seen  INTEGER,
    last_seen   INTEGER,
    modified_at INTEGER,
    PRIMARY KEY (app, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE subscriptions (
    app         TEXT NOT NULL,
    id          TEXT NOT NULL,
    company_id  TEXT NOT NULL DEFAULT '',
    status      TEXT NOT NULL DEFAULT '',
    profile     TEXT NOT NULL DEFAULT '{}',
    modified_at INTEGER,
    PRIMARY KEY (app, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX subscriptions_company ON subscriptions (app, company_id);

-- +goose Down
DROP TABLE subscriptions;
DROP TABLE companies;
DROP TABLE users;
DROP TABLE sessions;
DROP TABLE sign_in_token;
DROP TABLE people;
DROP TABLE applications;
