-- One row per bucket, within those of the levels above: the best ones only. The
-- last column is how many events the other buckets of the same parent have.
WITH hits AS (
    SELECT {fields}
    FROM {tables}
    WHERE {where}
),
buckets AS (
    SELECT {keys} count(*) AS docs {metrics}
    FROM hits
    WHERE {known}
    GROUP BY {group}
),
ranked AS (
    SELECT *,
        row_number() OVER (PARTITION BY {parent} ORDER BY {rank}) AS place,
        (sum(docs) OVER (PARTITION BY {parent}))::BIGINT AS parent_docs
    FROM buckets
)
SELECT * EXCLUDE (place)
FROM ranked
WHERE place <= ?
ORDER BY place
LIMIT ?;
