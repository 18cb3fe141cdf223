package events

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/failpoint"
)

// Block is what one sequence number brings into the store.
type Block struct {
	Seq        uint64
	App        string
	ReceivedAt time.Time
	Events     []wire.Event
	Actions    []wire.Action
	Dropped    map[string]int // items that cannot be stored, by reason
}

// Load stores the blocks, which are in the order of their sequence numbers and come
// next after the given one, in one transaction together with the position. Blocks up
// to the position are passed over, so that loading the same again changes nothing. A
// store that has less than what comes before, because it was opened again, refuses.
//
// After an error it is unknown whether the transaction landed: Reopen, and go on
// from Position. A load that has begun is finished even when ctx ends: DuckDB
// keeps the file open when a commit is interrupted.
func (s *Store) Load(ctx context.Context, after uint64, blocks []Block) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	s.loading.Lock()
	defer s.loading.Unlock()
	err := s.do(func() error { return s.load(ctx, after, blocks) })
	if err != nil {
		return fmt.Errorf("load events: %w", err)
	}
	return nil
}

func (s *Store) load(ctx context.Context, after uint64, blocks []Block) error {
	position, err := readPosition(ctx, s.writer)
	if err != nil {
		return err
	}
	if position < after {
		return fmt.Errorf("the store has blocks up to %d, and these come after %d", position, after)
	}
	for len(blocks) > 0 && blocks[0].Seq <= position {
		blocks = blocks[1:]
	}
	if len(blocks) == 0 {
		return nil
	}
	rows := rowsOf(blocks)
	s.share(ctx, rows)
	if err := s.put(ctx, blocks); err != nil {
		return err
	}
	failpoint.Hit("events.committed")
	s.loaded(blocks)
	s.compact(rows >= busyLoad)
	return nil
}

func rowsOf(blocks []Block) (rows int) {
	for i := range blocks {
		rows += len(blocks[i].Events)
	}
	return rows
}

// put is the transaction of a load.
func (s *Store) put(ctx context.Context, blocks []Block) error {
	last := &blocks[len(blocks)-1]
	next := s.tail
	next.add(blocks)
	due := next.due(last.ReceivedAt)
	return s.transact(ctx, func(tx *sql.Tx) error {
		if err := s.raw(func(c driver.Conn) error { return appendBlocks(c, blocks, &s.facts, s.tail.sums) }); err != nil {
			return err
		}
		failpoint.Hit("events.appended")
		if _, err := tx.ExecContext(ctx, statement("move_position"), last.Seq); err != nil {
			return err
		}
		failpoint.Hit("events.moved")
		s.tail.add(blocks)
		if !due {
			return nil
		}
		if err := s.roll(ctx, tx, last.Seq); err != nil {
			return err
		}
		failpoint.Hit("events.rolled")
		return nil
	})
}

// appendBlocks fills the tables, each through an appender of its own, and adds
// the events to sums unless these are nil.
func appendBlocks(c driver.Conn, blocks []Block, known *facts, sums *sums) error {
	var row eventRow
	err := appendRows(c, "events", func(a *appender) error {
		return eachEvent(blocks, func(b *Block, e *wire.Event) error {
			if err := row.read(known, b.App, b.Seq, b.ReceivedAt, e); err != nil {
				return err
			}
			if sums != nil {
				sums.add(&row)
			}
			return row.append(a)
		})
	})
	if err != nil {
		return err
	}
	err = appendRows(c, "bodies", func(a *appender) error {
		return eachEvent(blocks, func(b *Block, e *wire.Event) error { return appendBodyRow(a, b.App, b.ReceivedAt, e) })
	})
	if err != nil {
		return err
	}
	return appendRest(c, blocks)
}

// appendRest fills the tables that most loads leave alone.
func appendRest(c driver.Conn, blocks []Block) error {
	actions, dropped := 0, 0
	for i := range blocks {
		actions += len(blocks[i].Actions)
		dropped += len(blocks[i].Dropped)
	}
	if actions > 0 {
		err := appendRows(c, "actions", func(a *appender) error {
			for i := range blocks {
				b := &blocks[i]
				for k := range b.Actions {
					if err := appendActionRow(a, b.App, b.ReceivedAt, &b.Actions[k]); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if dropped == 0 {
		return nil
	}
	return appendRows(c, "dropped", func(a *appender) error {
		for i := range blocks {
			for reason, n := range blocks[i].Dropped {
				a.text(text(blocks[i].App))
				a.text(text(reason))
				a.int64(int64(n))
				if err := a.end(); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func eachEvent(blocks []Block, f func(*Block, *wire.Event) error) error {
	for i := range blocks {
		for k := range blocks[i].Events {
			if err := f(&blocks[i], &blocks[i].Events[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendRows fills a table.
func appendRows(c driver.Conn, table string, fill func(*appender) error) error {
	a, err := newAppender(c, table)
	if err == nil {
		err = a.close(fill(a))
	}
	if err != nil {
		return fmt.Errorf("append to %s: %w", table, err)
	}
	return nil
}

func readPosition(ctx context.Context, db querier) (position uint64, err error) {
	err = query(ctx, db, question{sql: statement("position")}, func(rows *sql.Rows) error {
		return rows.Scan(&position)
	})
	return position, err
}

// Position returns the sequence number of the last block in the store.
func (s *Store) Position(ctx context.Context) (position uint64, err error) {
	err = s.do(func() error {
		position, err = readPosition(ctx, s.db)
		return err
	})
	return position, err
}

// snapshot runs f in a transaction, in which every query sees the same.
func (s *Store) snapshot(ctx context.Context, f func(*sql.Tx) error) error {
	return s.do(func() error {
		tx, err := s.db.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("event store: %w", err)
		}
		err = f(tx)
		if end := tx.Rollback(); end != nil && !errors.Is(end, sql.ErrTxDone) {
			err = errors.Join(err, end)
		}
		return err
	})
}
