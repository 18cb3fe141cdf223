package moesif

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// unavailable refuses every push for the time being.
func unavailable(o *Options) {
	o.Transport.(*collector).answer = func(int) int { return http.StatusServiceUnavailable }
}

func TestWhatIsLeftAtTheEndIsSentAtTheNextStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	keys := `"batch_size":10,"spool_dir":` + quote(dir)
	first := start(t, keys, unavailable)
	for range 25 {
		call(first, func(http.ResponseWriter, *http.Request) {}, "GET", "/", "X-User", "alice")
	}
	first.closed = true // it cannot deliver
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := first.Close(ctx); err != nil {
		t.Errorf("nothing is lost, and yet: %v", err)
	}
	if s := first.Stats(); s.Captured != 25 || s.Queued != 25 || s.Spooled != 25 || s.Sent != 0 || s.SpooledBytes == 0 {
		t.Errorf("got %+v", s)
	}
	balance(t, first.Stats())

	second := start(t, keys)
	call(second, func(http.ResponseWriter, *http.Request) {}, "GET", "/", "X-User", "bob")
	events := second.drain(t)
	if s := second.Stats(); len(events) != 26 || s.Recovered != 25 || s.Captured != 1 || s.Sent != 26 || s.Queued != 0 {
		t.Errorf("%d events arrived; %+v", len(events), s)
	}
	ids := map[string]bool{}
	for _, e := range events {
		ids[e.TransactionID] = true
	}
	if len(ids) != 26 {
		t.Errorf("%d different ids", len(ids))
	}

	third := start(t, keys)
	if events := third.drain(t); len(events) > 0 {
		t.Errorf("%d events came a second time", len(events))
	}
}

func TestWithoutASpoolTheErrorSaysHowManyAreLost(t *testing.T) {
	g := start(t, "", unavailable)
	call(g, func(http.ResponseWriter, *http.Request) {}, "GET", "/")
	g.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := g.Close(ctx); err == nil || !strings.Contains(err.Error(), "1 events not delivered") {
		t.Errorf("got %v", err)
	}
}

func TestASpoolHasOneProcess(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	g := start(t, `"spool_dir":`+quote(dir))
	cfg, _ := ParseConfig(block(t, `{"application_id":"a","user_id_headers":["A"],"spool_dir":`+quote(dir)+`}`))
	if _, err := New(cfg, Options{Transport: newCollector()}); err == nil || !strings.Contains(err.Error(), "spool_dir") || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	g.drain(t)
}

func TestRulesOutliveARestartWithoutTheCollector(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.json")
	keys := `"rules_cache":` + quote(file)
	governed(t, keys, rules(`{"_id":"all","type":"regex","block":true}`), "").drain(t)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("got %v %v", info, err)
	}
	g := start(t, keys, func(o *Options) { o.Transport = gone{} })
	if w := call(g, func(w http.ResponseWriter, r *http.Request) { g.Govern(w, r) }, "GET", "/"); w.Code != 429 {
		t.Errorf("got %d", w.Code)
	}
	if s := g.Stats(); s.Rules != 1 || !s.RulesConfirmed.IsZero() {
		t.Errorf("got %+v", s)
	}
	g.closed = true
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = g.Close(ctx) // the event of this call is left
}

// gone is the transport to a collector that is not there.
type gone struct{}

func (gone) RoundTrip(*http.Request) (*http.Response, error) { return nil, os.ErrDeadlineExceeded }
