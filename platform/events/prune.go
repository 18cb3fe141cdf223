package events

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Reasons for which rows are deleted.
const (
	ByRetention = "retention"
	ByErasure   = "erased"
)

// pruneRows bounds how many rows one step of Prune deletes: loads wait that long.
const pruneRows = 50_000

// Cut says what of an application is not kept any longer: what happened before
// these times, which are cut to whole days of UTC, because rollups answer for
// those. Zero keeps everything.
type Cut struct {
	App string
	// Events goes for events with their bodies, and for actions. Events that are in
	// no rollup yet stay until they are: the sums outlive them.
	Events  time.Time
	Bodies  time.Time
	Rollups time.Time
}

// Deleted counts rows.
type Deleted struct {
	Events, Actions, Bodies, Rollups int64
}

// Items is what counts in the books.
func (d Deleted) Items() int64 { return d.Events + d.Actions }

// Any reports whether there is anything.
func (d Deleted) Any() bool { return d != Deleted{} }

// add counts n rows of a kind of table.
func (d *Deleted) add(what string, n int64) {
	switch what {
	case "events":
		d.Events += n
	case "actions":
		d.Actions += n
	case "bodies":
		d.Bodies += n
	default:
		d.Rollups += n
	}
}

// Plus is the sum of both.
func (d Deleted) Plus(o Deleted) Deleted {
	return Deleted{d.Events + o.Events, d.Actions + o.Actions, d.Bodies + o.Bodies, d.Rollups + o.Rollups}
}

func (d Deleted) each(f func(what string, n int64) error) error {
	for _, v := range []struct {
		what string
		n    int64
	}{{"events", d.Events}, {"actions", d.Actions}, {"bodies", d.Bodies}, {"rollups", d.Rollups}} {
		if v.n == 0 {
			continue
		}
		if err := f(v.what, v.n); err != nil {
			return err
		}
	}
	return nil
}

// part is a table of which a cut takes something.
type part struct {
	table, what string
	condition   condition
}

func (c Cut) parts(rolled int64) (parts []part) {
	before := func(table, what string, t time.Time) {
		if t.IsZero() {
			return
		}
		p := part{table: table, what: what}
		p.condition.and("app = ?", c.App)
		p.condition.and("time < make_timestamp(?::BIGINT)", t.UTC().Truncate(day).UnixMicro())
		if table == "events" {
			p.condition.and("seq <= ?", rolled)
		}
		parts = append(parts, p)
	}
	bodies := c.Bodies
	if c.Events.After(bodies) {
		bodies = c.Events
	}
	before("bodies", "bodies", bodies)
	before("events", "events", c.Events)
	before("actions", "actions", c.Events)
	for _, rollups := range allRollups {
		for _, r := range rollups {
			before(r.table, "rollups", c.Rollups)
		}
	}
	return parts
}

// Prune deletes a bounded piece of what the cut says, oldest first, and counts it
// in the same transaction; more is true when there may be more. Between two calls
// loads go on.
func (s *Store) Prune(ctx context.Context, c Cut) (gone Deleted, more bool, err error) {
	if c.App == "" {
		return gone, false, fmt.Errorf("%w: app: must not be empty", ErrQuestion)
	}
	err = s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		rolled, err := readRolled(ctx, tx)
		if err != nil {
			return err
		}
		for _, p := range c.parts(rolled) {
			n, err := p.prune(ctx, tx)
			if err != nil {
				return err
			}
			gone.add(p.what, n)
			if n >= pruneRows {
				more = true
				break
			}
		}
		return countDeleted(ctx, tx, c.App, ByRetention, gone)
	})
	if err != nil {
		return Deleted{}, false, fmt.Errorf("prune events: %w", err)
	}
	return gone, more, nil
}

// Prunable counts what Prune would delete now, all in all.
func (s *Store) Prunable(ctx context.Context, c Cut) (d Deleted, err error) {
	err = s.snapshot(ctx, func(tx *sql.Tx) error {
		rolled, err := readRolled(ctx, tx)
		if err != nil {
			return err
		}
		for _, p := range c.parts(rolled) {
			n, err := countRows(ctx, tx, p.table, p.condition)
			if err != nil {
				return err
			}
			d.add(p.what, n)
		}
		return nil
	})
	return d, err
}

// count counts the rows of a table.
func (s *Store) count(ctx context.Context, table string, c condition) (n int64, err error) {
	err = s.snapshot(ctx, func(tx *sql.Tx) error {
		n, err = countRows(ctx, tx, table, c)
		return err
	})
	return n, err
}

func countRows(ctx context.Context, db querier, table string, c condition) (n int64, err error) {
	q := build("prune_count", map[string]string{"table": table}, c, nil, nil)
	err = query(ctx, db, q, func(rows *sql.Rows) error { return rows.Scan(&n) })
	return n, err
}

func (p part) prune(ctx context.Context, tx *sql.Tx) (int64, error) {
	marks := map[string]string{"table": p.table}
	var end sql.NullInt64
	err := query(ctx, tx, build("prune_step", marks, p.condition, nil, []any{pruneRows}), func(rows *sql.Rows) error {
		return rows.Scan(&end)
	})
	if err != nil || !end.Valid {
		return 0, err
	}
	c := p.condition
	c.and("time <= make_timestamp(?::BIGINT)", end.Int64)
	q := build("prune", marks, c, nil, nil)
	return execute(ctx, tx, q)
}

// execute runs a statement and returns how many rows it was about.
func execute(ctx context.Context, tx *sql.Tx, q question) (int64, error) {
	result, err := tx.ExecContext(ctx, q.sql, q.args...)
	if err != nil {
		return 0, fmt.Errorf("event store: %w", err)
	}
	return result.RowsAffected()
}

// countDeleted adds to the table deleted.
func countDeleted(ctx context.Context, tx *sql.Tx, app, reason string, d Deleted) error {
	return d.each(func(what string, n int64) error {
		if _, err := tx.ExecContext(ctx, statement("add_deleted"), app, what, reason, n); err != nil {
			return fmt.Errorf("event store: %w", err)
		}
		return nil
	})
}

// change runs f in a transaction while nobody else writes. Like a load, it is
// finished even when ctx ends.
func (s *Store) change(ctx context.Context, f func(context.Context, *sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	s.loading.Lock()
	defer s.loading.Unlock()
	// Rows are not deleted from under a checkpoint.
	s.checkpoints.making.Lock()
	defer s.checkpoints.making.Unlock()
	s.counted.changes()
	defer s.counted.changes()
	return s.do(func() error {
		return s.transact(ctx, func(tx *sql.Tx) error { return f(ctx, tx) })
	})
}
