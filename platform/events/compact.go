package events

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gatemeter/gatemeter/platform/failpoint"
)

// lastDays is how many days are looked at after a start.
const lastDays = 3

// crowded is how many rows a group of a rollup may have, on average of a day: more are
// joined into one. Rolling up adds a row each time, a hundred a day and more, which
// would make a year's chart read as much as an hour's events.
var crowded = failpoint.Often(2)

// often is how many times a day is added to before its rows are counted. A day that is
// no longer added to is looked at once more.
var often = failpoint.Often(8)

// crowding says which days' rollups may be crowded.
type crowding struct {
	rolls map[int64]int  // by day, in µs: how often it was added to since it was looked at
	last  map[int64]bool // the days that were added to last
}

// add notes that sums of these days were added.
func (c *crowding) add(days map[int64]bool) {
	if c.rolls == nil {
		c.rolls = map[int64]int{}
	}
	for d := range days {
		c.rolls[d]++
	}
	c.last = days
}

// next is a day to be looked at, the most crowded first; false when there is none.
func (c *crowding) next() (d int64, ok bool) {
	for day, n := range c.rolls {
		due := n >= often || n > 1 && !c.last[day]
		if due && (!ok || n > c.rolls[d] || n == c.rolls[d] && day < d) {
			d, ok = day, true
		}
	}
	return d, ok
}

// compact begins to join the rows of the rollups of a day, if one is due. Loads go on
// meanwhile. It needs loading, and the file to be open.
func (s *Store) compact(busy bool) {
	d, ok := s.crowding.next()
	if !ok || !s.checkpoints.making.TryLock() { // or else the next time
		return
	}
	delete(s.crowding.rolls, d) // also when it fails: it is only later then
	s.aside("the rollups of a day could not be joined", func(ctx context.Context) error {
		return s.compactDays(ctx, []int64{d}, !busy)
	})
}

// compactLast does the same with the last days that there are sums of: what became of
// them before a start is not known. It needs use held for writing.
func (s *Store) compactLast(ctx context.Context, db querier) error {
	var days []int64
	err := query(ctx, db, question{sql: statement("last_day")}, func(rows *sql.Rows) error {
		var last sql.NullInt64
		if err := rows.Scan(&last); err != nil || !last.Valid {
			return err
		}
		for n := range int64(lastDays) {
			days = append(days, last.Int64-n*day.Microseconds())
		}
		return nil
	})
	if err != nil || len(days) == 0 || !s.checkpoints.making.TryLock() {
		return err
	}
	s.aside("the rollups of the last days could not be joined", func(ctx context.Context) error {
		return s.compactDays(ctx, days, true)
	})
	return nil
}

// compactDays leaves one row of each group of the days that are crowded. DuckDB packs
// a table anew from the first deleted row on when it writes the file: where there is
// time, this is done before somebody waits for it. It needs making, because rows must
// not be deleted from under a checkpoint.
func (s *Store) compactDays(ctx context.Context, days []int64, write bool) error {
	changed := false
	for _, d := range days {
		begin := time.UnixMicro(d).UTC()
		tx, err := s.folder.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		more, err := compactDay(ctx, tx, begin)
		if err != nil {
			return fmt.Errorf("compact %s: %w", begin.Format(time.DateOnly), errors.Join(err, tx.Rollback()))
		}
		if more {
			failpoint.Hit("events.joining")
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		if more {
			failpoint.Hit("events.joined")
		}
		changed = changed || more
	}
	if !changed || !write {
		return nil
	}
	upTo, err := readPosition(ctx, s.folder)
	if err != nil {
		return err
	}
	return s.checkpoint(ctx, upTo)
}

func compactDay(ctx context.Context, tx *sql.Tx, d time.Time) (changed bool, err error) {
	for _, rollups := range allRollups {
		for _, r := range rollups {
			yes, err := r.isCrowded(ctx, tx, d)
			if err == nil && yes {
				changed = true
				err = r.compact(ctx, tx, d)
			}
			if err != nil {
				return changed, fmt.Errorf("%s: %w", r.table, err)
			}
		}
	}
	return changed, nil
}

func (r rollup) isCrowded(ctx context.Context, tx *sql.Tx, d time.Time) (yes bool, err error) {
	q := r.statement("crowded", crowded, d.UnixMicro(), d.Add(day).UnixMicro())
	err = query(ctx, tx, q, func(rows *sql.Rows) error { return rows.Scan(&yes) })
	return yes, err
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
