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
