package events

import (
	"context"
	"database/sql"
	"fmt"
)

const (
	// rowBytes is what an event takes besides its texts, about.
	rowBytes = 300
	// vectorRows is how many rows of a row group DuckDB unpacks together, whatever they
	// take.
	vectorRows = 2048
	// maxVector is after how many bytes of events that may be unpacked together their row
	// group ends, and with them a checkpoint is made: whoever reads one of their bodies
	// needs memory for all.
	maxVector = 32 << 20
	// joinedBytes is how large rows may be on average that are joined with others.
	joinedBytes = 32 << 10
)

// bulk is how much there is of some rows, by the table they are in.
type bulk struct{ events, bodies, actions run }

// run is how much there is of rows that follow on one another.
type run struct {
	rows   int
	bytes  int64
	vector int64 // of the last rows, which are unpacked together
	most   int64 // of any that are
}

func (r *run) add(bytes int) {
	if r.rows%vectorRows == 0 {
		r.vector = 0
	}
	r.rows++
	r.bytes += int64(bytes)
	r.vector += int64(bytes)
	r.most = max(r.most, r.vector)
}

func (b *bulk) add(blocks []Block) {
	for i := range blocks {
		for k := range blocks[i].Events {
			e := &blocks[i].Events[k]
			b.events.add(rowBytes + textBytes(e))
			if n := bodyBytes(e); n > 0 {
				b.bodies.add(n)
			}
		}
		for k := range blocks[i].Actions {
			b.actions.add(rowBytes + len(blocks[i].Actions[k].Metadata))
		}
	}
}

func (b *bulk) bytes() int64 { return b.events.bytes + b.bodies.bytes + b.actions.bytes }

// fills reports whether there is enough for so many checkpoints.
func (b *bulk) fills(checkpoints int) bool {
	n := int64(checkpoints)
	return b.events.rows >= checkpoints*syncRows || b.bytes() >= n*maxUnsynced ||
		max(b.events.most, b.bodies.most, b.actions.most) >= n*maxVector
}

// isHeavy reports whether row groups of these rows must not be joined: DuckDB keeps all
// that it unpacks together in memory, and gives up the file when that is full.
func (b *bulk) isHeavy() bool {
	for _, r := range []run{b.events, b.bodies, b.actions} {
		if r.bytes > int64(r.rows)*joinedBytes {
			return true
		}
	}
	return false
}

// weigh says in the file whether what is unsynced, of blocks up to upTo, may be joined,
// before a checkpoint that begins with nothing unsynced. It needs loading and making.
func (s *Store) weigh(ctx context.Context, upTo uint64) error {
	c := &s.checkpoints
	if c.unsynced.isHeavy() {
		now := int64(upTo) // #nosec G115 -- counts blocks
		if _, err := s.writer.ExecContext(ctx, statement("move_heavy"), now); err != nil {
			return fmt.Errorf("event store: %w", err)
		}
		if c.heavy.Swap(now) == 0 {
			if err := s.settle(ctx); err != nil {
				return err
			}
		}
	}
	c.unsynced = bulk{}
	return nil
}

// readHeavy finds out up to which block there are rows that must not be joined. It needs
// use held for writing.
func (s *Store) readHeavy(ctx context.Context, db querier) error {
	return query(ctx, db, question{sql: statement("heavy")}, func(rows *sql.Rows) error {
		var heavy int64
		err := rows.Scan(&heavy)
		s.checkpoints.heavy.Store(heavy)
		return err
	})
}
