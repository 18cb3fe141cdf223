-- name: carry
SELECT carry_before, carry_after, seq FROM sampling_carries WHERE key = ?;

-- name: save_carry
INSERT INTO sampling_carries (key, carry_before, carry_after, seq, touched_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    carry_before = excluded.carry_before, carry_after = excluded.carry_after, seq = excluded.seq, touched_at = excluded.touched_at;

-- name: forget_carries
DELETE FROM sampling_carries WHERE touched_at < ?;
