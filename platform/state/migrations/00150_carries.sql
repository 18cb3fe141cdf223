-- +goose Up

-- A crash may take the event store back to its last checkpoint: a carry is kept with
-- what it was since then. In force is that of the greatest seq up to the store's position.
CREATE TABLE carries (
    key        BLOB NOT NULL,
    seq        INTEGER NOT NULL,
    carry      INTEGER NOT NULL,
    touched_at INTEGER NOT NULL,
    PRIMARY KEY (key, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO carries (key, seq, carry, touched_at) SELECT key, 0, carry_before, touched_at FROM sampling_carries;
INSERT INTO carries (key, seq, carry, touched_at)
SELECT key, seq, carry_after, touched_at FROM sampling_carries WHERE true
ON CONFLICT (key, seq) DO UPDATE SET carry = excluded.carry;
DROP TABLE sampling_carries;
ALTER TABLE carries RENAME TO sampling_carries;
CREATE INDEX sampling_carries_age ON sampling_carries (touched_at);

-- +goose Down
CREATE TABLE carries (
    key          BLOB PRIMARY KEY,
    carry_before INTEGER NOT NULL,
    carry_after  INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    touched_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO carries (key, carry_before, carry_after, seq, touched_at)
SELECT key, carry, carry, max(seq), touched_at FROM sampling_carries GROUP BY key;
DROP TABLE sampling_carries;
ALTER TABLE carries RENAME TO sampling_carries;
CREATE INDEX sampling_carries_age ON sampling_carries (touched_at);
