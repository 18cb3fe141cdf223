-- name: rules
-- An id of '' stands for all.
SELECT number, id, enabled, document, customers_hash, updated_at
FROM rules WHERE app = ?1 AND (?2 = '' OR id = ?2) ORDER BY number;

-- name: add_rule
INSERT INTO rules (app, id, enabled, document, customers_hash, bytes, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
RETURNING number;

-- name: change_rule
UPDATE rules SET enabled = ?2, document = ?3, customers_hash = ?4, bytes = ?5, updated_at = ?6 WHERE number = ?1;

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
