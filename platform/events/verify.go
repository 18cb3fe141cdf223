package events

import (
	"context"
	"database/sql"
	"fmt"
)

// Checked is what Verify found.
type Checked struct {
	Events, Bodies, Actions int64    // rows
	Faults                  []string // what is wrong
}

// Verify reads everything that is in the store and tells what does not fit
// together. It takes as long as reading the file does, and reading all ids once more for
// every 2.7 million events.
func (s *Store) Verify(ctx context.Context) (Checked, error) {
	var c Checked
	var any bool
	err := s.ask(ctx, question{sql: statement("verify_rows")}, func(rows *sql.Rows) error {
		return rows.Scan(&c.Events, &c.Bodies, &c.Actions, &any)
	})
	if err != nil {
		return c, err
	}
	parts := 1 + c.Events/(s.o.MemoryLimit/bytesOfNumber)
	if err := s.verifyIDs(ctx, &c, parts); err != nil {
		return c, err
	}
	return c, s.verifySums(ctx, &c)
}

// bytesOfNumber is how much memory DuckDB may need for the number of an event, by which
// events are held against one another: it takes about a quarter of that.
const bytesOfNumber = 100

// verifyIDs looks for events that are there twice, and for bodies without an event, in
// parts that fit into memory.
func (s *Store) verifyIDs(ctx context.Context, c *Checked, parts int64) error {
	for part := range parts {
		err := s.ask(ctx, question{sql: statement("verify_twice"), args: []any{parts, part}}, func(rows *sql.Rows) error {
			var app, id string
			var n int64
			err := rows.Scan(&app, &id, &n)
			c.Faults = append(c.Faults, fmt.Sprintf("event %s of %s is there %d times", id, app, n))
			return err
		})
		if err != nil {
			return err
		}
		err = s.ask(ctx, question{sql: statement("verify_orphans"), args: []any{parts, part, parts, part}}, func(rows *sql.Rows) error {
			var app, id string
			err := rows.Scan(&app, &id)
			c.Faults = append(c.Faults, fmt.Sprintf("the body of event %s of %s has no event", id, app))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// verifySums looks whether the rollups say the same, and what the rows say.
func (s *Store) verifySums(ctx context.Context, c *Checked) error {
	err := s.ask(ctx, question{sql: statement("verify_sums")}, func(rows *sql.Rows) error {
		var app, day, sums string
		err := rows.Scan(&app, &day, &sums)
		c.Faults = append(c.Faults, fmt.Sprintf("the rollups of %s do not agree on %s: events (calls) of %s", app, day, sums))
		return err
	})
	if err != nil {
		return err
	}
	err = s.ask(ctx, question{sql: statement("verify_counted")}, func(rows *sql.Rows) error {
		var app, day string
		var events, counted int64
		err := rows.Scan(&app, &day, &events, &counted)
		c.Faults = append(c.Faults, fmt.Sprintf("%d events of %s are there on %s, and the rollups have counted %d", events, app, day, counted))
		return err
	})
	if err != nil {
		return err
	}
	return s.ask(ctx, question{sql: statement("verify_total")}, func(rows *sql.Rows) error {
		var app string
		var counted, found int64
		err := rows.Scan(&app, &counted, &found)
		c.Faults = append(c.Faults, fmt.Sprintf("the rollups have counted %d events of %s: %d are there or were deleted", counted, app, found))
		return err
	})
}
