package events

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// customerColumns are where a kind of customer is named.
var customerColumns = map[string]string{ByUser: "user_id", ByCompany: "company_id"}

// Erase deletes what a user or company (by is ByUser or ByCompany) did: events
// with their headers and bodies, and actions. In the sums the calls stay, as
// nobody's. The bytes stay in the file until it is rewritten (Rewrite).
func (s *Store) Erase(ctx context.Context, app, by, id string) (gone Deleted, err error) {
	column, ok := customerColumns[by]
	if !ok || app == "" || id == "" {
		return gone, fmt.Errorf("%w: name an application, and a user or a company", ErrQuestion)
	}
	err = s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		// What is not in the sums yet would never be.
		position, err := readPosition(ctx, tx)
		if err != nil {
			return err
		}
		if err := s.roll(ctx, tx, position); err != nil {
			return err
		}
		marks := map[string]string{"column": column}
		if gone.Bodies, err = execute(ctx, tx, build("erase_bodies", marks, condition{}, []any{app, id}, nil)); err != nil {
			return err
		}
		var c condition
		c.and("app = ?", app)
		c.and(column+" = ?", id)
		for table, n := range map[string]*int64{"events": &gone.Events, "actions": &gone.Actions} {
			if *n, err = execute(ctx, tx, build("prune", map[string]string{"table": table}, c, nil, nil)); err != nil {
				return err
			}
		}
		err = eachSums(column, func(table string) error {
			n, err := execute(ctx, tx, build("erase_sums", map[string]string{"table": table, "column": column}, condition{}, []any{app, id}, nil))
			gone.Rollups += n
			return err
		})
		if err != nil {
			return err
		}
		return countDeleted(ctx, tx, app, ByErasure, gone)
	})
	if err != nil {
		return Deleted{}, fmt.Errorf("erase events: %w", err)
	}
	return gone, nil
}

// Erasable counts what Erase would delete.
func (s *Store) Erasable(ctx context.Context, app, by, id string) (would Deleted, err error) {
	column, ok := customerColumns[by]
	if !ok || app == "" || id == "" {
		return would, fmt.Errorf("%w: name an application, and a user or a company", ErrQuestion)
	}
	err = s.snapshot(ctx, func(tx *sql.Tx) (err error) {
		var c condition
		c.and("app = ?", app)
		c.and(column+" = ?", id)
		for table, n := range map[string]*int64{"events": &would.Events, "actions": &would.Actions} {
			if *n, err = countRows(ctx, tx, table, c); err != nil {
				return err
			}
		}
		q := build("erase_bodies_count", map[string]string{"column": column}, condition{}, []any{app, id}, nil)
		if err := query(ctx, tx, q, func(rows *sql.Rows) error { return rows.Scan(&would.Bodies) }); err != nil {
			return err
		}
		return eachSums(column, func(table string) error {
			n, err := countRows(ctx, tx, table, c)
			would.Rollups += n
			return err
		})
	})
	return would, err
}

// Traces counts the rows that name a user or company.
func (s *Store) Traces(ctx context.Context, app, by, id string) (rows int64, err error) {
	column, ok := customerColumns[by]
	if !ok {
		return 0, fmt.Errorf("%w: by: must be user or company (got %q)", ErrQuestion, by)
	}
	var c condition
	c.and("app = ?", app)
	c.and(column+" = ?", id)
	count := func(table string) error {
		n, err := s.count(ctx, table, c)
		rows += n
		return err
	}
	for _, table := range []string{"events", "actions"} {
		if err := count(table); err != nil {
			return rows, err
		}
	}
	return rows, eachSums(column, count)
}

// eachSums calls f for the rollups that have the column.
func eachSums(column string, f func(table string) error) error {
	for _, rollups := range allRollups {
		for _, r := range rollups {
			if !strings.Contains(r.dimensions, column) {
				continue
			}
			if err := f(r.table); err != nil {
				return err
			}
		}
	}
	return nil
}
