-- name: extras
-- A rule of '' stands for all.
SELECT rule, extra FROM rule_documents WHERE app = ?1 AND (?2 = '' OR rule = ?2);

-- name: save_extra
INSERT INTO rule_documents (app, rule, extra) VALUES (?, ?, ?)
ON CONFLICT (app, rule) DO UPDATE SET extra = excluded.extra;

-- name: delete_extra
DELETE FROM rule_documents WHERE app = ? AND rule = ?;
