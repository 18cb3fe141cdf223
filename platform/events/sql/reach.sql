-- How far the store is, and how far the rollups are.
SELECT seq::BIGINT, rolled
FROM position;
