package retention_test

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/retention"
	"github.com/gatemeter/gatemeter/platform/state"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type house struct {
	*retention.Retention
	store *events.Store
	now   time.Time
	seq   uint64
}

func newHouse(t *testing.T) *house {
	t.Helper()
	dir := t.TempDir()
	db, err := state.Open(t.Context(), filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	store, err := events.Open(filepath.Join(dir, "events.duckdb"), events.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(store.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	h := &house{store: store, now: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)}
	h.Retention = retention.New(db, store, func() time.Time { return h.now }, slog.New(slog.DiscardHandler))
	return h
}

// load stores n calls of app that happened a number of days ago, and rolls them up.
func (h *house) load(t *testing.T, app string, days, n int) {
	t.Helper()
	at := h.now.Add(-time.Duration(days) * 24 * time.Hour)
	b := events.Block{App: app, ReceivedAt: at}
	for i := range n {
		b.Events = append(b.Events, wire.Event{
			TransactionID: fmt.Sprintf("%s-%d-%d", app, days, i), CompanyID: "acme", UserID: "ada",
			Request:  wire.Request{Time: at, Verb: "GET", URI: "/orders", Body: []byte(`{"a":1}`), ContentLength: -1},
			Response: &wire.Response{Time: at, Status: 200, ContentLength: -1},
		})
	}
	h.seq++
	b.Seq = h.seq
	// A block received much later, so that what is before it gets into the rollups.
	later := events.Block{App: "other", Seq: h.seq + 1, ReceivedAt: at.Add(time.Hour)}
	h.seq++
	if err := h.store.Load(t.Context(), 0, []events.Block{b, later}); err != nil {
		t.Fatal(err)
	}
}

func (h *house) calls(t *testing.T, app string) int64 {
	t.Helper()
	table, err := h.store.Top(t.Context(), events.Filter{App: app, From: h.now.Add(-400 * 24 * time.Hour).Truncate(24 * time.Hour), To: h.now}, events.ByCompany, 10)
	if err != nil {
		t.Fatal(err)
	}
	return table.Total.Calls
}

func (h *house) stored(t *testing.T, app string) (rows int, bodies int) {
	t.Helper()
	list, _, err := h.store.List(t.Context(), events.Filter{App: app}, events.Page{Limit: 1000, Bodies: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if len(e.Request.Body) > 0 {
			bodies++
		}
	}
	return len(list), bodies
}

func TestBodiesGoFirstThenEventsThenSums(t *testing.T) {
	h := newHouse(t)
	for _, app := range []string{"mine", "theirs"} {
		for _, days := range []int{100, 20, 3, 0} {
			h.load(t, app, days, 10)
		}
	}
	if err := h.Set(t.Context(), "mine", retention.Settings{Events: 30, Bodies: 7, Rollups: 90}); err != nil {
		t.Fatal(err)
	}
	would, err := h.WouldDelete(t.Context(), "mine", retention.Settings{Events: 30, Bodies: 7, Rollups: 90})
	if err != nil {
		t.Fatal(err)
	}
	if would.Events != 10 || would.Bodies != 20 || would.Rollups == 0 {
		t.Errorf("it would delete %+v", would)
	}
	gone, err := h.Sweep(t.Context())
	if err != nil || gone != would {
		t.Errorf("deleted %+v instead of %+v, %v", gone, would, err)
	}
	if rows, bodies := h.stored(t, "mine"); rows != 30 || bodies != 20 {
		t.Errorf("%d events, %d bodies are left", rows, bodies)
	}
	if rows, bodies := h.stored(t, "theirs"); rows != 40 || bodies != 40 {
		t.Errorf("of the other application %d events, %d bodies are left", rows, bodies)
	}
	books, err := h.store.Books(t.Context())
	if err != nil || books.Stored["mine"] != 40 || books.Deleted["mine"][events.ByRetention].Events != 10 || books.Deleted["theirs"] != nil {
		t.Errorf("books %+v, %v", books, err)
	}

	// Two months later the sums of what is gone still answer, except the oldest.
	h.now = h.now.Add(60 * 24 * time.Hour)
	if _, err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows, _ := h.stored(t, "mine"); rows != 0 {
		t.Errorf("%d events are left", rows)
	}
	if n := h.calls(t, "mine"); n != 30 {
		t.Errorf("the sums know of %d calls", n)
	}
	if again, err := h.Sweep(t.Context()); err != nil || again.Any() {
		t.Errorf("again: %+v, %v", again, err)
	}
}

func TestNothingIsDeletedUnlessSaidSo(t *testing.T) {
	h := newHouse(t)
	h.load(t, "mine", 300, 5)
	if gone, err := h.Sweep(t.Context()); err != nil || gone.Any() {
		t.Errorf("%+v, %v", gone, err)
	}
}

func TestSettingsThatContradictThemselvesAreRefused(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		s     retention.Settings
		field string
	}{
		{retention.Settings{Events: -1}, "events_days"},
		{retention.Settings{Bodies: retention.MaxDays + 1}, "bodies_days"},
		{retention.Settings{Events: 7, Bodies: 8}, "bodies_days"},
		{retention.Settings{Events: 30, Rollups: 29}, "rollups_days"},
		{retention.Settings{Rollups: 365}, "rollups_days"},
	} {
		var invalid *retention.InvalidError
		if err := h.Set(t.Context(), "mine", c.s); !errors.As(err, &invalid) || invalid.Field != c.field {
			t.Errorf("%+v: %v", c.s, err)
		}
	}
	for _, s := range []retention.Settings{{}, {Bodies: 7}, {Events: 30}, {Events: 30, Bodies: 30, Rollups: 30}} {
		if err := h.Set(t.Context(), "mine", s); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
		if got, err := h.Of(t.Context(), "mine"); err != nil || got != s {
			t.Errorf("%+v is kept as %+v, %v", s, got, err)
		}
	}
}
