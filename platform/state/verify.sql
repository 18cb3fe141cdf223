-- name: integrity
PRAGMA integrity_check(10);

-- name: foreign_keys
PRAGMA foreign_key_check;
