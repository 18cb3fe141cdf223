-- A user's calls are found by a number: to compare ids, DuckDB unpacks those of all
-- users of a row group. userKey in row.go makes it of new events.
ALTER TABLE events ADD COLUMN user_key BIGINT;
ALTER TABLE events ALTER COLUMN user_key SET DATA TYPE BIGINT
    USING (('0x' || left(sha256(app || chr(0) || user_id), 15))::BIGINT);
