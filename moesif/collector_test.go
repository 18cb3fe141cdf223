package moesif

import (
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector is a collector in memory or, as a handler, on a socket. It keeps
// what it accepted.
type collector struct {
	answer func(batch int) int // status for the n-th batch, from 0; nil: 201

	mu      sync.Mutex
	config  string // served at /v1/config; "": {}
	rules   string // served at /v1/rules; "": []
	tag     string // of both
	batches int
	events  []wire.Event
	pushes  []http.Header
	arrived chan struct{} // capacity 1: something was accepted
}

func newCollector() *collector { return &collector{arrived: make(chan struct{}, 1)} }

func (c *collector) take(r *http.Request) (status int, err error) {
	var in io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		if in, err = gzip.NewReader(r.Body); err != nil {
			return http.StatusBadRequest, err
		}
	}
	var raw []json.RawMessage
	if err = json.NewDecoder(in).Decode(&raw); err != nil {
		return http.StatusBadRequest, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.batches
	c.batches++
	c.pushes = append(c.pushes, r.Header.Clone())
	if c.answer != nil {
		if status := c.answer(n); status != http.StatusCreated {
			return status, nil
		}
	}
	for _, text := range raw {
		e, err := wire.DecodeEvent(text)
		if err != nil {
			return http.StatusBadRequest, fmt.Errorf("%w in %s", err, text)
		}
		c.events = append(c.events, e)
	}
	select {
	case c.arrived <- struct{}{}:
	default:
	}
	return http.StatusCreated, nil
}

// document is what a GET is answered with; "" when there is no such thing.
func (c *collector) document(r *http.Request) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch r.URL.Path {
	case "/v1/config":
		return cmp.Or(c.config, "{}")
	case "/v1/rules":
		return cmp.Or(c.rules, "[]")
	}
	return ""
}

// change serves other rules, under another tag.
func (c *collector) change(rules, tag string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rules, c.tag = rules, tag
}

func (c *collector) version() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tag
}

func (c *collector) RoundTrip(r *http.Request) (*http.Response, error) {
	if document := c.document(r); document != "" {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(document)), Header: http.Header{}, Request: r}, nil
	}
	status, err := c.take(r)
	body := ""
	if err != nil {
		body = err.Error()
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}, Request: r}, r.Body.Close()
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if document := c.document(r); document != "" {
		_, _ = io.WriteString(w, document)
		return
	}
	if r.URL.Path != "/v1/events/batch" || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	status, err := c.take(r)
	w.WriteHeader(status)
	if err != nil {
		_, _ = io.WriteString(w, err.Error())
	}
}

// stored are the events that were accepted so far.
func (c *collector) stored() []wire.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]wire.Event(nil), c.events...)
}

// await waits until n events were accepted.
func (c *collector) await(t *testing.T, n int) []wire.Event {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		if events := c.stored(); len(events) >= n {
			return events
		}
		select {
		case <-c.arrived:
		case <-deadline:
			t.Fatalf("%d of %d events arrived", len(c.stored()), n)
		}
	}
}

// rig is an integration with a collector in memory.
type rig struct {
	*Integration
	collector *collector
	servers   []*httptest.Server // closed before it drains: a client may be ahead of the handler
	closed    bool
}

// start makes a rig from the keys of a block, besides application_id and
// user_id_headers.
func start(t testing.TB, keys string, change ...func(*Options)) *rig {
	t.Helper()
	in := map[string]any{"application_id": "app", "user_id_headers": []any{"X-User", "Authorization"}, "timer_wake_up_seconds": 3600}
	if keys != "" {
		maps.Copy(in, block(t, "{"+keys+"}"))
	}
	cfg, errs := ParseConfig(in)
	if len(errs) > 0 {
		t.Fatal(errors.Join(errs...))
	}
	c := newCollector()
	o := Options{Transport: c}
	for _, f := range change {
		f(&o)
	}
	integration, err := New(cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{Integration: integration, collector: c}
	t.Cleanup(func() { g.drain(t) })
	return g
}

// drain closes the integration and returns all that was reported. It checks that
// the books balance.
func (g *rig) drain(t testing.TB) []wire.Event {
	t.Helper()
	if !g.closed {
		g.closed = true
		for _, s := range g.servers {
			s.Close()
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := g.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		balance(t, g.Stats())
	}
	return g.collector.stored()
}

// serve runs a captured handler on a real socket until the rig is drained.
func (g *rig) serve(handler http.Handler) *httptest.Server {
	s := httptest.NewServer(g.Capture(handler))
	g.servers = append(g.servers, s)
	return s
}

// one drains and returns the only event there must be.
func (g *rig) one(t testing.TB) wire.Event {
	t.Helper()
	events := g.drain(t)
	if len(events) != 1 {
		t.Fatalf("%d events were reported, want 1; books: %+v", len(events), g.Stats())
	}
	return events[0]
}

func balance(t testing.TB, s Stats) {
	t.Helper()
	right := s.Sent + s.Skipped + s.Queued
	for _, n := range s.Rejected {
		right += n
	}
	for _, n := range s.Dropped {
		right += n
	}
	if s.Captured+s.Recovered != right {
		t.Errorf("the books do not balance: %+v", s)
	}
}

// header is the value of a header of an event, "" when absent.
func header(h wire.Headers, name string) string {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

func gatemeter(t testing.TB, e wire.Event) wire.Gatemeter {
	t.Helper()
	g, ok := e.Gatemeter()
	if !ok {
		t.Fatalf("no metadata.gatemeter in %s", e.Metadata)
	}
	return g
}
