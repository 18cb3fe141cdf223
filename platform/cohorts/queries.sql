-- name: cohorts
-- '' stands for all applications, or all cohorts.
SELECT number, app, id, name, kind, criteria, members, revision, version, evaluated_version, created_at, updated_at
FROM cohorts WHERE (?1 = '' OR app = ?1) AND (?2 = '' OR id = ?2) ORDER BY number;

-- name: count
SELECT count(*) FROM cohorts WHERE app = ?;

-- name: add
INSERT INTO cohorts (app, id, name, kind, criteria, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6);

-- name: rename
UPDATE cohorts SET name = ?3, updated_at = ?4 WHERE app = ?1 AND id = ?2;

-- name: change
UPDATE cohorts SET name = ?3, criteria = ?4, updated_at = ?5, version = version + 1 WHERE app = ?1 AND id = ?2;

-- name: delete
DELETE FROM cohorts WHERE app = ? AND id = ?;

-- name: version
SELECT version FROM cohorts WHERE number = ?;

-- name: evaluated
UPDATE cohorts SET evaluated_version = version, members = ?2, revision = revision + 1 WHERE number = ?1;

-- name: member_ids
SELECT id FROM cohort_members WHERE cohort = ? ORDER BY id;

-- name: enter
INSERT INTO cohort_members (cohort, id, entered_at) SELECT ?1, value, ?2 FROM json_each(?3);

-- name: leave
DELETE FROM cohort_members WHERE cohort = ?1 AND id IN (SELECT value FROM json_each(?2));

-- name: tell
INSERT INTO cohort_changes (app, cohort, id, entered, edited, at) SELECT ?1, ?2, value, ?3, ?4, ?5 FROM json_each(?6);

-- name: size
INSERT INTO cohort_sizes (cohort, at, members) VALUES (?, ?, ?)
ON CONFLICT (cohort, at) DO UPDATE SET members = excluded.members;

-- name: sizes
-- Since a time, and the one before it, for how it began.
SELECT c.id, s.at, s.members FROM cohort_sizes s JOIN cohorts c ON c.number = s.cohort
WHERE c.app = ?1 AND (?2 = '' OR c.id = ?2)
    AND s.at >= coalesce((SELECT max(b.at) FROM cohort_sizes b WHERE b.cohort = s.cohort AND b.at < ?3), 0)
ORDER BY s.cohort, s.at;

-- name: members_latest
-- Who entered last first; after the cursor (?3, ?4) unless ?4 is ''.
SELECT id, entered_at FROM cohort_members
WHERE cohort = ?1 AND (?4 = '' OR entered_at < ?3 OR (entered_at = ?3 AND id > ?4))
ORDER BY entered_at DESC, id LIMIT ?2;

-- name: changes_before
-- The latest first. '' and 0 stand for all.
SELECT h.number, c.id, c.name, c.kind, h.id, h.entered, h.edited, h.at
FROM cohort_changes h JOIN cohorts c ON c.number = h.cohort
WHERE h.app = ?1 AND (?2 = '' OR c.id = ?2) AND (?3 = '' OR (c.kind = ?3 AND h.id = ?4)) AND (?5 = 0 OR h.number < ?5)
ORDER BY h.number DESC LIMIT ?6;

-- name: changes_after
-- In the order in which they were found, for who follows them.
SELECT h.number, c.id, c.name, c.kind, h.id, h.entered, h.edited, h.at
FROM cohort_changes h JOIN cohorts c ON c.number = h.cohort
WHERE h.app = ?1 AND h.number > ?2
ORDER BY h.number LIMIT ?3;

-- name: last_change
SELECT coalesce(max(number), 0) FROM cohort_changes WHERE app = ?;

-- name: memberships
SELECT c.id, c.name, m.entered_at FROM cohorts c JOIN cohort_members m ON m.cohort = c.number
WHERE c.app = ?1 AND c.kind = ?2 AND m.id = ?3 ORDER BY m.entered_at DESC, c.number;

-- name: forget_changes
DELETE FROM cohort_changes WHERE at < ?;

-- name: forget_sizes
-- The last one before the time stays: it is how the rest began.
DELETE FROM cohort_sizes WHERE at < coalesce((SELECT max(b.at) FROM cohort_sizes b WHERE b.cohort = cohort_sizes.cohort AND b.at < ?1), 0);

-- name: erase_cohorts
SELECT c.id FROM cohorts c JOIN cohort_members m ON m.cohort = c.number
WHERE c.app = ?1 AND c.kind = ?2 AND m.id = ?3 ORDER BY c.number;

-- name: erase_changes
DELETE FROM cohort_changes
WHERE id = ?3 AND cohort IN (SELECT number FROM cohorts WHERE app = ?1 AND kind = ?2);

-- name: erase_revisions
UPDATE cohorts SET members = members - 1, revision = revision + 1
WHERE app = ?1 AND kind = ?2 AND number IN (SELECT cohort FROM cohort_members WHERE id = ?3);

-- name: erase_members
DELETE FROM cohort_members
WHERE id = ?3 AND cohort IN (SELECT number FROM cohorts WHERE app = ?1 AND kind = ?2);
