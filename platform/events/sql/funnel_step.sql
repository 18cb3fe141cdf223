,
{next} AS (
    SELECT w.*, CASE WHEN s.us <= w.t1 + ?::BIGINT THEN s.us END AS {this}
    FROM {last} AS w ASOF LEFT JOIN (SELECT who, us FROM calls WHERE {step}) AS s ON w.who = s.who AND w.{before} <= s.us
)
