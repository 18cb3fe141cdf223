-- +goose Up

-- Who changed what. who_kind is person, token, administrator or nobody; who_id is
-- the id of the person or token, who_name what it was called then. notes is a
-- JSON object of strings.
CREATE TABLE audit (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    who_kind  TEXT NOT NULL,
    who_id    TEXT NOT NULL,
    who_name  TEXT NOT NULL,
    address   TEXT NOT NULL,
    operation TEXT NOT NULL,
    target    TEXT NOT NULL,
    app       TEXT NOT NULL,
    notes     TEXT NOT NULL
) STRICT;
CREATE INDEX audit_who ON audit (who_id, number);

-- What is written stays, whatever a fault of the program would have done.
-- +goose StatementBegin
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE audit;
