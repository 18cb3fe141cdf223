-- name: rules
-- An id of '' stands for all.
SELECT r.number, r.id, r.state, r.state_at, r.place, r.document, r.customers_hash, r.updated_at, coalesce(c.cohort, '')
FROM rules r LEFT JOIN rule_cohorts c ON c.rule = r.number
WHERE r.app = ?1 AND (?2 = '' OR r.id = ?2) ORDER BY r.place, r.number;

-- name: add_rule
-- A place of 0 is behind all others.
INSERT INTO rules (app, id, state, state_at, place, document, customers_hash, bytes, updated_at)
VALUES (?1, ?2, ?3, ?4, iif(?5 > 0, ?5, 1 + coalesce((SELECT max(place) FROM rules WHERE app = ?1), 0)), ?6, ?7, ?8, ?9)
RETURNING number, place;

-- name: change_rule
UPDATE rules SET state = ?2, state_at = ?3, document = ?4, customers_hash = ?5, bytes = ?6, updated_at = ?7 WHERE number = ?1;

-- name: place_rules
UPDATE rules SET place = 1 + (SELECT key FROM json_each(?2) WHERE value = rules.id) WHERE app = ?1;

-- name: delete_rule
DELETE FROM rules WHERE app = ? AND id = ?;

-- name: rules_total
SELECT count(*), coalesce(sum(bytes), 0) FROM rules WHERE app = ?;

-- name: rule_customers
-- An id of '' stands for all rules.
SELECT c.rule, c.id, c.merge_values FROM rule_customers c JOIN rules r ON r.number = c.rule
WHERE r.app = ?1 AND (?2 = '' OR r.id = ?2) ORDER BY c.rule, c.id;

-- name: drop_customers
DELETE FROM rule_customers WHERE rule = ?;

-- name: add_customers
INSERT INTO rule_customers (rule, id, merge_values)
SELECT ?1, value ->> '$.id', value -> '$.values' FROM json_each(?2);

-- name: configuration
SELECT document FROM configurations WHERE app = ?;

-- name: save_configuration
INSERT INTO configurations (app, document, updated_at) VALUES (?, ?, ?)
ON CONFLICT (app) DO UPDATE SET document = excluded.document, updated_at = excluded.updated_at;

-- name: add_version
INSERT INTO rule_versions (app, rule, at, who, how, state, place, document, customers_hash, cohort)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: has_versions
SELECT EXISTS (SELECT 1 FROM rule_versions WHERE app = ? AND rule = ?);

-- name: versions
-- The newest first, each with the one before it of the same rule. A rule of ''
-- stands for all, and a number of 0 for the newest.
SELECT v.number, v.rule, v.at, v.who, v.how, v.state, v.place, v.document, v.customers_hash, v.cohort,
       coalesce(b.state, ''), coalesce(b.document, ''), coalesce(b.customers_hash, ''), coalesce(b.cohort, ''),
       EXISTS (SELECT 1 FROM rules r WHERE r.app = v.app AND r.id = v.rule)
FROM rule_versions v
LEFT JOIN rule_versions b ON b.number =
    (SELECT max(o.number) FROM rule_versions o WHERE o.app = v.app AND o.rule = v.rule AND o.number < v.number)
WHERE v.app = ?1 AND (?2 = '' OR v.rule = ?2) AND (?3 = 0 OR v.number < ?3)
ORDER BY v.number DESC LIMIT ?4;

-- name: drop_versions
DELETE FROM rule_versions WHERE app = ?1 AND (
    rule = ?2 AND number <= (SELECT number FROM rule_versions WHERE app = ?1 AND rule = ?2 ORDER BY number DESC LIMIT 1 OFFSET ?3)
    OR number <= (SELECT number FROM rule_versions WHERE app = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?4));

-- name: drop_version_customers
DELETE FROM rule_version_customers
WHERE app = ?1 AND hash NOT IN (SELECT customers_hash FROM rule_versions WHERE app = ?1);

-- name: has_version_customers
SELECT EXISTS (SELECT 1 FROM rule_version_customers WHERE app = ? AND hash = ?);

-- name: add_version_customers
INSERT INTO rule_version_customers (app, hash, customers) VALUES (?, ?, ?);

-- name: version_customers
SELECT customers FROM rule_version_customers WHERE app = ? AND hash = ?;

-- name: change_version_customers
UPDATE rule_version_customers SET customers = ?3 WHERE app = ?1 AND hash = ?2;

-- name: customers_of_versions
SELECT DISTINCT customers_hash FROM rule_versions
WHERE app = ?1 AND customers_hash <> '' AND document ->> '$.type' = ?2;

-- name: sampling_with
SELECT rates FROM sampling_history h
WHERE app = ?1 AND EXISTS (SELECT 1 FROM json_each(h.rates -> ('$.' || ?2)) WHERE key = ?3);

-- name: change_sampling
UPDATE sampling_history SET rates = ?3 WHERE app = ?1 AND rates = ?2;

-- name: set_cohort
INSERT INTO rule_cohorts (rule, cohort) VALUES (?, ?)
ON CONFLICT (rule) DO UPDATE SET cohort = excluded.cohort;

-- name: unset_cohort
DELETE FROM rule_cohorts WHERE rule = ?;

-- name: rule_cohorts
-- An id of '' stands for all rules.
SELECT c.rule, c.cohort FROM rule_cohorts c JOIN rules r ON r.number = c.rule
WHERE r.app = ?1 AND (?2 = '' OR r.id = ?2);

-- name: rules_of_cohort
SELECT r.id, r.document ->> '$.name' FROM rule_cohorts c JOIN rules r ON r.number = c.rule
WHERE r.app = ?1 AND c.cohort = ?2 ORDER BY r.number;

-- name: rules_naming
SELECT c.rule, 1 FROM rule_customers c JOIN rules r ON r.number = c.rule
WHERE r.app = ?1 AND c.id = ?2;
