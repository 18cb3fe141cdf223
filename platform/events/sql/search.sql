-- The rows are found by few columns first: all of them are read of the page only.
SELECT {columns}
FROM events
WHERE rowid IN (
    SELECT rowid
    FROM events
    WHERE {where}
    ORDER BY {order}
    LIMIT ? OFFSET ?
)
ORDER BY {order};
