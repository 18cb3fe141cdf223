package events

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/gatemeter/gatemeter/platform/failpoint"
)

// maxTail is after how many events that are in no rollup yet these are rolled up. Every
// question reads them one by one.
var maxTail = int64(failpoint.Often(100_000))

// maxTailAge is after how long the same happens with fewer: each time adds a row to
// every group of rollups that had calls.
const maxTailAge = 10 * time.Minute

// rollup is a table of sums.
type rollup struct {
	table      string
	grain      time.Duration
	dimensions string                  // columns, separated by commas
	keys       string                  // the same from the columns of events
	append     func(*appender, *group) // the dimensions of a row
}

// The rollups, coarsest first: what is not within a whole day is asked from the
// hours, and so on. What is left is asked from the events. The finest of each
// family is added up while events are loaded (sums).
var (
	trafficRollups = []rollup{
		{"traffic_day", day, "route, verb, status", trafficKeys, appendTraffic},
		{"traffic_hour", time.Hour, "route, verb, status", trafficKeys, appendTraffic},
		{"traffic_minute", time.Minute, "route, verb, status", trafficKeys, appendTraffic},
	}
	companyRollups = []rollup{
		{"companies_day", day, "company_id", companyKeys, appendCompany},
		{"companies_hour", time.Hour, "company_id", companyKeys, appendCompany},
	}
	userRollups = []rollup{
		{"users_day", day, "company_id, user_id", companyKeys + ", coalesce(user_id, '') AS user_id", appendUser},
	}
	allRollups = [][]rollup{trafficRollups, companyRollups, userRollups}
)

const (
	trafficKeys = "coalesce(route, '') AS route, verb, status"
	companyKeys = "coalesce(company_id, '') AS company_id"
)

var grainNames = map[time.Duration]string{time.Minute: "minute", time.Hour: "hour", day: "day"}

// tail is what the loader knows of the events that are in no rollup.
type tail struct {
	events int64
	since  time.Time // when the first of them was received
	sums   *sums     // of exactly these; nil: to be read from the table
}

func (t *tail) add(blocks []Block) {
	for i := range blocks {
		if t.events == 0 {
			t.since = blocks[i].ReceivedAt
		}
		t.events += int64(len(blocks[i].Events))
	}
}

// due reports whether to roll up when the last block was received at now.
func (t *tail) due(now time.Time) bool {
	return t.events >= maxTail || t.events > 0 && now.Sub(t.since) >= maxTailAge
}

// measureTail finds the tail of a store that was opened.
func measureTail(ctx context.Context, db querier) (t tail, err error) {
	rolled, err := readRolled(ctx, db)
	if err != nil {
		return t, err
	}
	err = query(ctx, db, question{sql: statement("tail"), args: []any{rolled}}, func(rows *sql.Rows) error {
		var since sql.NullInt64
		if err := rows.Scan(&t.events, &since); err != nil {
			return fmt.Errorf("read tail: %w", err)
		}
		t.since = time.UnixMicro(since.Int64).UTC()
		return nil
	})
	if t.events == 0 {
		t.sums = newSums(rolled)
	}
	return t, err
}

func readRolled(ctx context.Context, db querier) (rolled int64, err error) {
	err = query(ctx, db, question{sql: statement("rolled")}, func(rows *sql.Rows) error {
		return rows.Scan(&rolled)
	})
	return rolled, err
}

// rollUp rolls up what is there. It needs loading, or use for writing.
func (s *Store) rollUp(ctx context.Context) error {
	err := s.transact(ctx, func(tx *sql.Tx) error {
		position, err := readPosition(ctx, tx)
		if err != nil {
			return err
		}
		return s.roll(ctx, tx, position)
	})
	if err != nil {
		return fmt.Errorf("roll up: %w", err)
	}
	return nil
}

// roll adds the tail to the rollups. Nobody sees it half done: the rows and how
// far they go are in one transaction, and so is what a question reads. It is
// called within transact, and the tail is empty afterwards.
func (s *Store) roll(ctx context.Context, tx *sql.Tx, upTo uint64) error {
	rolled, err := readRolled(ctx, tx)
	if err != nil {
		return err
	}
	var days map[int64]bool
	if s.tail.sums != nil && s.tail.sums.behind == rolled {
		days = s.tail.sums.days()
		err = s.raw(s.tail.sums.write)
	} else {
		days, err = rollTable(ctx, tx, rolled)
	}
	if err != nil {
		return fmt.Errorf("roll up: %w", err)
	}
	s.crowding.add(days)
	now := int64(upTo) // #nosec G115 -- counts blocks
	if _, err := tx.ExecContext(ctx, statement("move_rolled"), now); err != nil {
		return fmt.Errorf("roll up: %w", err)
	}
	s.tail = tail{sums: newSums(now)}
	return nil
}

// rollTable adds up the rows of the tail where nobody has done so before, and returns
// the days of these.
func rollTable(ctx context.Context, tx *sql.Tx, rolled int64) (days map[int64]bool, err error) {
	for _, rollups := range allRollups {
		for _, r := range rollups {
			q := r.statement("roll", rolled)
			if _, err := tx.ExecContext(ctx, q.sql, q.args...); err != nil {
				return nil, fmt.Errorf("into %s: %w", r.table, err)
			}
		}
	}
	days = map[int64]bool{}
	err = query(ctx, tx, question{sql: statement("tail_days"), args: []any{rolled}}, func(rows *sql.Rows) error {
		var d int64
		err := rows.Scan(&d)
		days[d] = true
		return err
	})
	return days, err
}

// transact runs f in a transaction of the writer, and commits it. It needs
// loading, or use for writing. When it fails, the tail is as large as before; what
// is in it will be read from the table.
func (s *Store) transact(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	before := s.tail
	before.sums = nil
	if err := f(tx); err != nil {
		s.tail = before
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		s.tail = before
		return err
	}
	return nil
}

// raw gives f the writer's connection, within the transaction that it has begun.
func (s *Store) raw(f func(driver.Conn) error) error {
	return s.writer.Raw(func(dc any) error {
		c, ok := dc.(driver.Conn)
		if !ok {
			return fmt.Errorf("connection is a %T", dc)
		}
		return f(c)
	})
}
