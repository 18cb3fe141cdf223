package events

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

const (
	// crowded is how many rows a group of a rollup may have, on average of a day,
	// once the day is over: more are joined into one. Rolling up adds a row each
	// time, a hundred a day and more, which would make a year's chart read as much
	// as an hour's events.
	crowded = 2
	// compactedDays is how many days before today are looked at. What comes for
	// days before these stays as it came.
	compactedDays = 2
)

// compact joins the rows of the rollups of the days before today, when a new day
// has begun since it was called last.
func (s *Store) compact(ctx context.Context, tx *sql.Tx, now time.Time) error {
	if !s.isCrowded(now) {
		return nil
	}
	today := now.UTC().Truncate(day)
	for _, rollups := range allRollups {
		for _, r := range rollups {
			days, err := r.crowdedDays(ctx, tx, today)
			if err != nil {
				return err
			}
			for _, d := range days {
				if err := r.compact(ctx, tx, d); err != nil {
					return fmt.Errorf("compact %s of %s: %w", r.table, d.Format(time.DateOnly), err)
				}
			}
		}
	}
	s.compacted = today // also when the load fails: the next day comes
	return nil
}

// isCrowded reports whether compact has something to do.
func (s *Store) isCrowded(now time.Time) bool { return s.compacted.Before(now.UTC().Truncate(day)) }

func (r rollup) crowdedDays(ctx context.Context, tx *sql.Tx, today time.Time) (days []time.Time, err error) {
	q := r.statement("crowded", today.Add(-compactedDays*day).UnixMicro(), today.UnixMicro(), crowded)
	err = query(ctx, tx, q, func(rows *sql.Rows) error {
		var begin int64
		err := rows.Scan(&begin)
		days = append(days, time.UnixMicro(begin).UTC())
		return err
	})
	return days, err
}

// compact leaves one row of each group of a day.
func (r rollup) compact(ctx context.Context, tx *sql.Tx, d time.Time) error {
	from, to := d.UnixMicro(), d.Add(day).UnixMicro()
	for _, q := range []question{
		r.statement("compact", from, to),
		r.statement("compact_delete", from, to),
		r.statement("compact_insert"),
		r.statement("compact_end"),
	} {
		if _, err := tx.ExecContext(ctx, q.sql, q.args...); err != nil {
			return err
		}
	}
	return nil
}

// statement is one about the rollup.
func (r rollup) statement(name string, args ...any) question {
	marks := map[string]string{"table": r.table, "grain": grainNames[r.grain], "dimensions": r.dimensions, "keys": r.keys}
	return build(name, marks, condition{}, args, nil)
}
