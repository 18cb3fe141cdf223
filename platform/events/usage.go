package events

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

const (
	defaultRows = 10
	maxRows     = 1000
)

// nullLatency reads the three quantiles in microseconds.
type nullLatency [3]sql.NullInt64

func (n nullLatency) latency() Latency {
	ms := func(v sql.NullInt64) *float64 {
		if !v.Valid {
			return nil
		}
		ms := float64(v.Int64) / 1000
		return &ms
	}
	return Latency{P50: ms(n[0]), P95: ms(n[1]), P99: ms(n[2])}
}

// Top returns the usage by something, most calls first: 10 rows when limit is 0,
// 1000 at most. The total is that of all events that f selects. Rollups answer
// where f allows; latencies are within 2 % then.
func (s *Store) Top(ctx context.Context, f Filter, by string, limit int) (Table, error) {
	if _, err := f.condition(); err != nil {
		return Table{}, err
	}
	if _, err := keyColumn(by); err != nil {
		return Table{}, err
	}
	if limit < 0 {
		return Table{}, fmt.Errorf("%w: limit: must not be negative (got %d)", ErrQuestion, limit)
	}
	if limit == 0 {
		limit = defaultRows
	}
	t := Table{}
	err := s.snapshot(ctx, func(tx *sql.Tx) error {
		rows, err := top(ctx, tx, f, ByTotal, 1)
		if err != nil || len(rows) == 0 {
			return err
		}
		t.Total = rows[0]
		t.Rows, err = top(ctx, tx, f, by, min(limit, maxRows))
		return err
	})
	return t, err
}

func top(ctx context.Context, tx *sql.Tx, f Filter, by string, limit int) (found []Row, err error) {
	h, ok, err := f.hits(ctx, tx, by, 0, false)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return topOfEvents(ctx, tx, f, by, limit)
	}
	var d durations
	err = query(ctx, tx, h.into("top_rollup", limit), func(rows *sql.Rows) error {
		var r Row
		var letters nullText
		var last int64
		if err := rows.Scan(&r.Key, &r.Calls, &r.Errors, &letters, &last); err != nil {
			return fmt.Errorf("read usage: %w", err)
		}
		r.Latency, r.LastSeen = d.latency(string(letters)), time.UnixMicro(last).UTC()
		found = append(found, r)
		return nil
	})
	return found, err
}

func topOfEvents(ctx context.Context, tx *sql.Tx, f Filter, by string, limit int) (found []Row, err error) {
	c, err := f.condition()
	if err != nil {
		return nil, err
	}
	q := build("top", map[string]string{"key": keyColumns[by]}, c, nil, []any{limit})
	err = query(ctx, tx, q, func(rows *sql.Rows) error {
		var r Row
		var l nullLatency
		var last int64
		if err := rows.Scan(&r.Key, &r.Calls, &r.Errors, &l[0], &l[1], &l[2], &last); err != nil {
			return fmt.Errorf("read usage: %w", err)
		}
		r.Latency, r.LastSeen = l.latency(), time.UnixMicro(last).UTC()
		found = append(found, r)
		return nil
	})
	return found, err
}

// Customers returns the usage of every user or company (by is ByUser or
// ByCompany) that made calls, most calls first. Calls without an id are nobody's.
func (s *Store) Customers(ctx context.Context, f Filter, by string) ([]Customer, error) {
	if by != ByUser && by != ByCompany {
		return nil, fmt.Errorf("%w: by: must be user or company (got %q)", ErrQuestion, by)
	}
	if _, err := f.condition(); err != nil {
		return nil, err
	}
	var found []Customer
	err := s.snapshot(ctx, func(tx *sql.Tx) error {
		h, ok, err := f.hits(ctx, tx, by, 0, true)
		switch {
		case err != nil:
			return err
		case !ok:
			found, err = customersOfEvents(ctx, tx, f, by)
			return err
		}
		var d durations
		return query(ctx, tx, h.into("customers_rollup"), func(rows *sql.Rows) error {
			var r Customer
			var letters nullText
			var first, last int64
			if err := rows.Scan(&r.ID, &r.Calls, &r.Errors, &letters, &first, &last, &r.Users); err != nil {
				return fmt.Errorf("read customers: %w", err)
			}
			r.Latency = d.latency(string(letters))
			r.FirstSeen, r.LastSeen = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
			found = append(found, r)
			return nil
		})
	})
	return found, err
}

func customersOfEvents(ctx context.Context, tx *sql.Tx, f Filter, by string) (found []Customer, err error) {
	c, err := f.condition()
	if err != nil {
		return nil, err
	}
	q := build("customers", map[string]string{"key": keyColumns[by]}, c, nil, nil)
	err = query(ctx, tx, q, func(rows *sql.Rows) error {
		var r Customer
		var l nullLatency
		var first, last int64
		if err := rows.Scan(&r.ID, &r.Calls, &r.Errors, &l[0], &l[1], &l[2], &first, &last, &r.Users); err != nil {
			return fmt.Errorf("read customers: %w", err)
		}
		r.Latency = l.latency()
		r.FirstSeen, r.LastSeen = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
		found = append(found, r)
		return nil
	})
	return found, err
}
