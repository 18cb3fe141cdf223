package events

import (
	"context"
	"database/sql"
	"maps"
	"sync"
)

// Books is the store's part of the books, at one moment.
type Books struct {
	Position uint64                        // the last block counted
	Stored   map[string]int64              // items by application: rows of events and actions, and those deleted later
	Deleted  map[string]map[string]Deleted // of these, and of bodies and rollups, by application and reason
	Dropped  map[string]map[string]int64   // items by application and reason
}

// Books counts what is there. Rows of events that it has counted before are not
// counted again, unless something was deleted since.
func (s *Store) Books(ctx context.Context) (Books, error) {
	b := Books{Deleted: map[string]map[string]Deleted{}, Dropped: map[string]map[string]int64{}}
	from := s.counted.begin()
	err := s.snapshot(ctx, func(tx *sql.Tx) (err error) {
		if b.Position, err = readPosition(ctx, tx); err != nil {
			return err
		}
		rows := maps.Clone(from.rows)
		if err := addCounts(ctx, tx, rows, question{sql: statement("stored"), args: []any{from.upTo}}); err != nil {
			return err
		}
		s.counted.end(from, rows, int64(b.Position)) // #nosec G115 -- counts blocks
		b.Stored = rows
		if err := addCounts(ctx, tx, b.Stored, question{sql: statement("stored_besides")}); err != nil {
			return err
		}
		err = query(ctx, tx, question{sql: statement("deleted")}, func(rows *sql.Rows) error {
			var app, what, reason string
			var n int64
			err := rows.Scan(&app, &what, &reason, &n)
			if b.Deleted[app] == nil {
				b.Deleted[app] = map[string]Deleted{}
			}
			d := b.Deleted[app][reason]
			d.add(what, n)
			b.Deleted[app][reason] = d
			return err
		})
		if err != nil {
			return err
		}
		return query(ctx, tx, question{sql: statement("dropped")}, func(rows *sql.Rows) error {
			var app, reason string
			var n int64
			err := rows.Scan(&app, &reason, &n)
			if b.Dropped[app] == nil {
				b.Dropped[app] = map[string]int64{}
			}
			b.Dropped[app][reason] = n
			return err
		})
	})
	return b, err
}

// addCounts adds the numbers of a question to those of the applications.
func addCounts(ctx context.Context, tx *sql.Tx, counts map[string]int64, q question) error {
	return query(ctx, tx, q, func(rows *sql.Rows) error {
		var app string
		var n int64
		err := rows.Scan(&app, &n)
		counts[app] += n
		return err
	})
}

// counted remembers how many rows of events there are up to a block: rows only
// come behind it, as long as none is deleted.
type counted struct {
	mu    sync.Mutex
	turn  int // counts changes of rows: at their beginning, and at their end
	known count
}

type count struct {
	turn int
	upTo int64            // sequence number of the last block
	rows map[string]int64 // by application
}

// begin returns what is known. It comes before the transaction that reads the rest.
func (c *counted) begin() count {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known.rows == nil || c.known.turn != c.turn {
		return count{turn: c.turn, upTo: -1, rows: map[string]int64{}}
	}
	return c.known
}

// end remembers rows, which nobody changes any more, unless something was
// deleted since begin.
func (c *counted) end(from count, rows map[string]int64, upTo int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turn == from.turn {
		c.known = count{turn: c.turn, upTo: upTo, rows: maps.Clone(rows)}
	}
}

// changes is called before rows are deleted, and once they are.
func (c *counted) changes() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn++
}
