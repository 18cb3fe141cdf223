-- +goose Up

-- Which sampling rates an application's configuration had, from when to when the
-- next row begins. The triggers keep it whole, whoever writes the configuration:
-- for as long as an event can be accepted, and at most 200 changes.
CREATE TABLE sampling_history (
    app      TEXT NOT NULL,
    since_at INTEGER NOT NULL,
    rates    TEXT NOT NULL,
    PRIMARY KEY (app, since_at)
) STRICT, WITHOUT ROWID;

INSERT INTO sampling_history (app, since_at, rates)
SELECT app, updated_at, json_object(
    'sample_rate', document ->> '$.sample_rate',
    'user_sample_rate', json(document -> '$.user_sample_rate'),
    'company_sample_rate', json(document -> '$.company_sample_rate'),
    'regex_config', json(document -> '$.regex_config'))
FROM configurations;

-- What is left of an event's weight for the customer's next one, in hundredths of
-- its rate. The key is a hash of application, user, company and rate; carry_before
-- is in force at positions of the event store before seq.
CREATE TABLE sampling_carries (
    key          BLOB PRIMARY KEY,
    carry_before INTEGER NOT NULL,
    carry_after  INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    touched_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sampling_carries_age ON sampling_carries (touched_at);

-- +goose StatementBegin
CREATE TRIGGER sampling_begins AFTER INSERT ON configurations BEGIN
    INSERT INTO sampling_history (app, since_at, rates)
    SELECT NEW.app, NEW.updated_at, json_object(
        'sample_rate', NEW.document ->> '$.sample_rate',
        'user_sample_rate', json(NEW.document -> '$.user_sample_rate'),
        'company_sample_rate', json(NEW.document -> '$.company_sample_rate'),
        'regex_config', json(NEW.document -> '$.regex_config'))
    WHERE true
    ON CONFLICT (app, since_at) DO UPDATE SET rates = excluded.rates;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER sampling_changes AFTER UPDATE ON configurations
WHEN OLD.document ->> '$.sample_rate' IS NOT NEW.document ->> '$.sample_rate'
    OR OLD.document -> '$.user_sample_rate' IS NOT NEW.document -> '$.user_sample_rate'
    OR OLD.document -> '$.company_sample_rate' IS NOT NEW.document -> '$.company_sample_rate'
    OR OLD.document -> '$.regex_config' IS NOT NEW.document -> '$.regex_config'
BEGIN
    INSERT INTO sampling_history (app, since_at, rates)
    SELECT NEW.app, NEW.updated_at, json_object(
        'sample_rate', NEW.document ->> '$.sample_rate',
        'user_sample_rate', json(NEW.document -> '$.user_sample_rate'),
        'company_sample_rate', json(NEW.document -> '$.company_sample_rate'),
        'regex_config', json(NEW.document -> '$.regex_config'))
    WHERE true
    ON CONFLICT (app, since_at) DO UPDATE SET rates = excluded.rates;
    DELETE FROM sampling_history
    WHERE app = NEW.app AND since_at < (
        SELECT max(since_at) FROM sampling_history
        WHERE app = NEW.app AND since_at <= NEW.updated_at - 31 * 24 * 3600 * 1000000);
    DELETE FROM sampling_history
    WHERE app = NEW.app AND since_at < (
        SELECT since_at FROM sampling_history
        WHERE app = NEW.app ORDER BY since_at DESC LIMIT 1 OFFSET 199);
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER sampling_changes;
DROP TRIGGER sampling_begins;
DROP TABLE sampling_carries;
DROP TABLE sampling_history;
