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
// together. It takes as long as reading the file does.
func (s *Store) Verify(ctx context.Context) (Checked, error) {
	var c Checked
	var any bool
	err := s.ask(ctx, question{sql: statement("verify_rows")}, func(rows *sql.Rows) error {
		return rows.Scan(&c.Events, &c.Bodies, &c.Actions, &any)
	})
	if err != nil {
		return c, err
	}
	err = s.ask(ctx, question{sql: statement("verify_twice")}, func(rows *sql.Rows) error {
		var app, id string
		var n int64
		err := rows.Scan(&app, &id, &n)
		c.Faults = append(c.Faults, fmt.Sprintf("event %s of %s is there %d times", id, app, n))
		return err
	})
	if err != nil {
		return c, err
	}
	err = s.ask(ctx, question{sql: statement("verify_orphans")}, func(rows *sql.Rows) error {
		var app, id string
		err := rows.Scan(&app, &id)
		c.Faults = append(c.Faults, fmt.Sprintf("the body of event %s of %s has no event", id, app))
		return err
	})
	return c, err
}
