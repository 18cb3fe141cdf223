package spooltest

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/gatemeter/gatemeter/moesif/queue/spool"
)

// Verify reads all of a spool that no process uses, and fails the test if
// anything in it is not whole. It returns what waits there.
func Verify(t testing.TB, m *Mem) *spool.Contents {
	t.Helper()
	copied := m.Restart()
	var warned atomic.Int64
	log, found, err := spool.Open(copied, 1<<40, slog.New(counter{&warned}))
	if err != nil {
		t.Fatalf("the spool cannot be opened: %v", err)
	}
	for _, b := range found.Blocks {
		data, gzip, err := log.Read(b.Place)
		if err != nil || gzip != b.Gzip || gzip > len(data) {
			t.Fatalf("block %d: %d bytes, %d of them gzip, %v", b.Seq, len(data), gzip, err)
		}
	}
	if warned.Load() > 0 || found.Damaged > 0 {
		t.Fatalf("%d files are not whole, %d events are damaged", warned.Load(), found.Damaged)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return found
}

// counter counts records of a log.
type counter struct{ n *atomic.Int64 }

func (c counter) Enabled(context.Context, slog.Level) bool  { return true }
func (c counter) WithAttrs([]slog.Attr) slog.Handler        { return c }
func (c counter) WithGroup(string) slog.Handler             { return c }
func (c counter) Handle(context.Context, slog.Record) error { c.n.Add(1); return nil }
