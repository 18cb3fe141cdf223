-- name: carry
SELECT carry FROM sampling_carries WHERE key = ? AND seq <= ? ORDER BY seq DESC LIMIT 1;

-- name: save_carry
INSERT INTO sampling_carries (key, seq, carry, touched_at) VALUES (?, ?, ?, ?)
ON CONFLICT (key, seq) DO UPDATE SET carry = excluded.carry, touched_at = excluded.touched_at;

-- name: settle_carry
DELETE FROM sampling_carries
WHERE key = ?1 AND seq < (SELECT max(seq) FROM sampling_carries WHERE key = ?1 AND seq <= ?2);

-- name: forget_carries
DELETE FROM sampling_carries WHERE touched_at < ?;
