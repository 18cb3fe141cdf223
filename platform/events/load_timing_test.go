package events

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/gatemeter/gatemeter/bench/traffic"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// processor measures what the process uses of the processors, in all threads.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perEvent runs f, and reports what it takes of the processors.
func perEvent(b *testing.B, events int, f func() error) {
	before := processor(b)
	for range b.N {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((processor(b)-before).Microseconds())/float64(b.N*events), "cpu-µs/event")
}

func trafficEvents(n int) []wire.Event {
	calls := traffic.New(1)
	rng := rand.New(rand.NewPCG(1, 2))
	events := make([]wire.Event, n)
	for i := range events {
		events[i] = calls.Event(noon.Add(-time.Duration(rng.IntN(4000)) * time.Millisecond))
	}
	return events
}

// BenchmarkRollUp compares adding up what is loaded with reading it from the table.
func BenchmarkRollUp(b *testing.B) {
	s := open(b)
	const rows = 50_000
	events := trafficEvents(rows)
	loadNext(b, s, benchmarkApp, noon, events...)
	once := func(f func(tx *sql.Tx) error) func() error {
		return func() error {
			err := s.transact(b.Context(), func(tx *sql.Tx) error {
				if err := f(tx); err != nil {
					return err
				}
				return errUndone
			})
			return undone(err)
		}
	}
	b.Run("table", func(b *testing.B) {
		perEvent(b, rows, once(func(tx *sql.Tx) error { _, err := rollTable(b.Context(), tx, -1); return err }))
	})
	b.Run("sums", func(b *testing.B) {
		perEvent(b, rows, once(func(*sql.Tx) error {
			sums := newSums(-1)
			var row eventRow
			var known facts
			for i := range events {
				if err := row.read(&known, benchmarkApp, 1, noon, &events[i]); err != nil {
					return err
				}
				sums.add(&row)
			}
			return s.raw(sums.write)
		}))
	})
}

// BenchmarkRow makes rows of events.
func BenchmarkRow(b *testing.B) {
	events := trafficEvents(5000)
	var row eventRow
	var known facts
	perEvent(b, len(events), func() error {
		for i := range events {
			if err := row.read(&known, benchmarkApp, 1, noon, &events[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// BenchmarkLoad loads blocks of 200 in loads of 10,000 events, bodies included.
func BenchmarkLoad(b *testing.B) {
	s := open(b)
	const rows = 10_000
	events := trafficEvents(rows)
	seq := uint64(0)
	b.ResetTimer()
	perEvent(b, rows, func() error {
		var blocks []Block
		for i := 0; i < rows; i += 200 {
			seq++
			blocks = append(blocks, Block{Seq: seq, App: benchmarkApp, ReceivedAt: noon, Events: events[i : i+200]})
		}
		return s.Load(b.Context(), 0, blocks)
	})
}

// BenchmarkAppend compares the driver's appender with ours, on rows that are made.
func BenchmarkAppend(b *testing.B) {
	s := open(b)
	events := trafficEvents(5000)
	rows := make([]eventRow, len(events))
	var known facts
	for i := range events {
		if err := rows[i].read(&known, benchmarkApp, 1, noon, &events[i]); err != nil {
			b.Fatal(err)
		}
	}
	once := func(f func(c driver.Conn) error) func() error {
		return func() error {
			err := s.transact(b.Context(), func(*sql.Tx) error {
				if err := s.raw(f); err != nil {
					return err
				}
				return errUndone
			})
			return undone(err)
		}
	}
	b.Run("driver", func(b *testing.B) {
		perEvent(b, len(rows), once(func(c driver.Conn) error {
			a, err := duckdb.NewAppenderFromConn(c, "", "events")
			if err != nil {
				return err
			}
			var values []driver.Value
			for i := range rows {
				values = rows[i].values(values[:0])
				if err = a.AppendRow(values...); err != nil {
					break
				}
			}
			return errors.Join(err, a.Close())
		}))
	})
	b.Run("vectors", func(b *testing.B) {
		perEvent(b, len(rows), once(func(c driver.Conn) error {
			return appendRows(c, "events", func(a *appender) error {
				for i := range rows {
					if err := rows[i].append(a); err != nil {
						return err
					}
				}
				return nil
			})
		}))
	})
}

// values are the row's as the driver takes them.
func (r *eventRow) values(dst []driver.Value) []driver.Value {
	known := func(n int64) driver.Value {
		if n < 0 {
			return nil
		}
		return n
	}
	optional := func(s string) driver.Value {
		if s == "" {
			return nil
		}
		return s
	}
	return append(dst,
		r.app, r.id, time.UnixMicro(r.time).UTC(), time.UnixMicro(r.received).UTC(), r.ahead, r.late, known(r.duration),
		optional(r.userID), optional(r.companyID), optional(r.subscriptionID), optional(r.session),
		r.verb, optional(r.scheme), optional(r.host), r.path, optional(r.query), optional(r.uri), optional(r.route), r.guessed,
		r.status, r.answered, optional(r.ip), optional(r.responseIP), optional(r.userAgent), optional(r.apiVersion), optional(r.direction),
		known(r.requestBytes), known(r.responseBytes), r.weight, optional(r.blockedBy), optional(r.refused), r.identity,
		optional(string(r.requestHeaders)), optional(string(r.responseHeaders)), optional(string(r.metadata)), r.seq)
}

var errUndone = errors.New("undone")

// undone is nil when nothing else than errUndone happened.
func undone(err error) error {
	if errors.Is(err, errUndone) {
		return nil
	}
	return err
}
