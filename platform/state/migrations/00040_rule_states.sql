-- +goose Up

-- A rule is off, in shadow (looked at, not enforced) or on (served); state_at is
-- since when. place is the order in which rules are served, number among those
-- of the same place: the later of two wins.
ALTER TABLE rules ADD COLUMN state TEXT NOT NULL DEFAULT 'off' CHECK (state IN ('off', 'shadow', 'on'));
ALTER TABLE rules ADD COLUMN state_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rules ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
UPDATE rules SET place = number, state_at = updated_at, state = CASE enabled WHEN 0 THEN 'off' ELSE 'on' END;
ALTER TABLE rules DROP COLUMN enabled;

-- +goose Down
ALTER TABLE rules ADD COLUMN enabled INTEGER NOT NULL DEFAULT 0;
UPDATE rules SET enabled = (state = 'on');
ALTER TABLE rules DROP COLUMN place;
ALTER TABLE rules DROP COLUMN state_at;
ALTER TABLE rules DROP COLUMN state;
