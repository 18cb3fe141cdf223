-- The end of a piece with about so many of the oldest rows; null when there is none.
SELECT epoch_us(max(time))
FROM (
    SELECT time
    FROM {table}
    WHERE {where}
    ORDER BY time
    LIMIT ?
);
