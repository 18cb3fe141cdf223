WITH calls AS MATERIALIZED ({calls}),
newcomers AS (
    SELECT key AS who
    FROM ({newcomers})
    GROUP BY key
    HAVING min(first) >= make_timestamp(?::BIGINT)
),
starts AS (SELECT who, us, ?::BOOLEAN AS newcomer FROM calls WHERE s1),
w1 AS (
    SELECT who, us AS t1 FROM starts WHERE NOT newcomer
    UNION ALL
    SELECT who, min(us) AS t1 FROM starts WHERE newcomer AND who IN (FROM newcomers) GROUP BY who
){ways},
customers AS (SELECT who, {durations} FROM {last} GROUP BY who)
SELECT {reached}, {medians}
FROM customers;
