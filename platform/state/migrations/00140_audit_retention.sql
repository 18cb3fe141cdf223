-- +goose Up

-- What is older than before (µs) may be deleted from the audit log, and nothing
-- else: whoever sweeps it says so first, in the same transaction.
CREATE TABLE audit_horizon (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    before INTEGER NOT NULL
) STRICT;
INSERT INTO audit_horizon (one, before) VALUES (1, 0);
CREATE INDEX audit_at ON audit (at);

DROP TRIGGER audit_no_delete;
-- +goose StatementBegin
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
WHEN OLD.at >= (SELECT max(before) FROM audit_horizon)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER audit_no_delete;
-- +goose StatementBegin
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- +goose StatementEnd
DROP INDEX audit_at;
DROP TABLE audit_horizon;
