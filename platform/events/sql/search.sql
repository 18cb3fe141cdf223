-- The rows are found by few columns first: all of them are read of the page only.
SELECT {columns}, found.sorted
FROM events
JOIN (
    SELECT e.rowid AS row, {sort} AS sorted
    FROM {tables}
    WHERE {where}
    ORDER BY sorted {direction} NULLS LAST, e.transaction_id {direction}
    LIMIT ? OFFSET ?
) AS found ON events.rowid = found.row
ORDER BY found.sorted {direction} NULLS LAST, transaction_id {direction};
