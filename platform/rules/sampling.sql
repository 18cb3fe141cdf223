-- name: sampling_version
SELECT count(*), coalesce(max(since_at), 0) FROM sampling_history WHERE app = ?;

-- name: sampling_history
SELECT since_at, rates FROM sampling_history WHERE app = ? ORDER BY since_at;
