package sources

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/platform/journal"
	"github.com/gatemeter/gatemeter/platform/state"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const remember = 31 * 24 * time.Hour

// always is a journal in which the second half of every batch is known already.
type always struct{}

func (always) Append(_ context.Context, b journal.Batch) (journal.Receipt, error) {
	return journal.Receipt{Duplicates: len(b.Entries) / 2}, nil
}

func (always) Ready() error { return nil }

func newSources(t *testing.T) (*Sources, time.Time) {
	t.Helper()
	db, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	now := time.Date(2026, 11, 28, 12, 0, 30, 0, time.UTC)
	return New(db, remember, func() time.Time { return now }, slog.New(slog.DiscardHandler)), now
}

func TestDelaysLossAndDuplicatesAreCountedByMinuteAndSource(t *testing.T) {
	s, now := newSources(t)
	j := s.Watch(always{})
	send := func(source string, at time.Time, delays ...time.Duration) {
		t.Helper()
		b := journal.Batch{App: "mine", ReceivedAt: at, Rejected: map[string]int{"too_old": 1}}
		for _, d := range delays {
			b.Entries = append(b.Entries, journal.Entry{Until: at.Add(-d).Add(remember)})
		}
		if _, err := j.Append(context.WithValue(t.Context(), sourceKey{}, source), b); err != nil {
			t.Fatal(err)
		}
	}
	send("go/1", now, time.Second, 2*time.Second, 10*time.Minute, -10*time.Minute)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	send("go/1", now, time.Second, time.Second) // to what is kept already
	send("node/2", now.Add(time.Minute), 3*time.Second)
	list, err := s.Minutes(t.Context(), "mine", now.Add(-time.Hour), now.Add(time.Hour))
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	g := list[0]
	if g.Source != "go/1" || !g.At.Equal(now.Truncate(time.Minute)) || g.Batches != 2 || g.Received != 8 || g.Rejected != 2 || g.Duplicate != 3 || g.Late != 1 || g.Ahead != 1 {
		t.Errorf("%+v", g)
	}
	if p50, ok := g.Delays.Quantile(0.5); !ok || p50 != time.Second {
		t.Errorf("half of it within %v", p50)
	}
	if p99, ok := g.Delays.Quantile(0.99); !ok || p99 != 15*time.Minute {
		t.Errorf("99 %% of it within %v", p99)
	}
	if other, err := s.Minutes(t.Context(), "theirs", now.Add(-time.Hour), now.Add(time.Hour)); err != nil || len(other) != 0 {
		t.Errorf("of another application: %+v, %v", other, err)
	}
}

func TestSourcesAreBounded(t *testing.T) {
	s, now := newSources(t)
	j := s.Watch(always{})
	for i := range 3 * maxSources {
		ctx := context.WithValue(t.Context(), sourceKey{}, fmt.Sprint("made-up/", i))
		if _, err := j.Append(ctx, journal.Batch{App: "mine", ReceivedAt: now, Entries: []journal.Entry{{Until: now.Add(remember)}}}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.Minutes(t.Context(), "mine", now.Add(-time.Hour), now.Add(time.Hour))
	var received int64
	for _, m := range list {
		received += m.Received
	}
	if err != nil || len(list) != maxSources+1 || received != 3*maxSources {
		t.Errorf("%d sources, %d items, %v", len(list), received, err)
	}
}

func TestNamesOfSources(t *testing.T) {
	for _, c := range []struct{ agent, sdk, want string }{
		{"moesif-nodejs/3.1.2 node/20", "", "moesif-nodejs/3.1.2"},
		{"Mozilla/5.0 (X11)", "moesif-browser-js/1.8", "moesif-browser-js/1.8"},
		{"", "", Unnamed},
		{"\x00\x1b[31m", "", "[31m"},
		{"\u00fc\u00f6", "", Unnamed},
	} {
		h := http.Header{"User-Agent": {c.agent}, "X-Moesif-Sdk": {c.sdk}}
		if got := nameOf(h); got != c.want {
			t.Errorf("%q, %q: %q, not %q", c.agent, c.sdk, got, c.want)
		}
	}
}
