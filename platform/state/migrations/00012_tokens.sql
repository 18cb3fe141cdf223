-- +goose Up

-- scopes are rights with spaces between them. created_by is '' for the
-- administrator's token; expires_at 0 is never, last_used_at 0 is not yet.
CREATE TABLE api_tokens (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    hash         BLOB NOT NULL UNIQUE,
    scopes       TEXT NOT NULL,
    created_by   TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX api_tokens_maker ON api_tokens (created_by);

-- +goose Down
DROP TABLE api_tokens;
