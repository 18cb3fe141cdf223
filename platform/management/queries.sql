-- name: extras
-- An id of '' stands for all.
SELECT id, extra FROM management_documents WHERE app = ?1 AND (?2 = '' OR id = ?2);

-- name: save_extra
INSERT INTO management_documents (app, id, extra) VALUES (?, ?, ?)
ON CONFLICT (app, id) DO UPDATE SET extra = excluded.extra;

-- name: delete_extra
DELETE FROM management_documents WHERE app = ? AND id = ?;
