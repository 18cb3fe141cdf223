-- Reads every column of every row: what is damaged on disk is found by its checksum.
SELECT
    (SELECT count(*) FROM events),
    (SELECT count(*) FROM bodies),
    (SELECT count(*) FROM actions),
    coalesce((SELECT bit_xor(hash(e)) FROM events e), 0)
    + coalesce((SELECT bit_xor(hash(b)) FROM bodies b), 0) % 2
    + coalesce((SELECT bit_xor(hash(a)) FROM actions a), 0) % 2 > 0;
