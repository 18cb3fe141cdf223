package govern

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/rule"
)

// real serves c over sockets, with rules compressed as a proxy would.
func real(t *testing.T, c *collector) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resp, err := c.RoundTrip(r)
		if err != nil {
			return // the client is gone
		}
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		var out io.Writer = w
		if resp.StatusCode == 200 && r.Header.Get("Accept-Encoding") == "gzip" {
			w.Header().Set("Content-Encoding", "gzip")
			zw := gzip.NewWriter(w)
			defer zw.Close()
			out = zw
		}
		w.WriteHeader(resp.StatusCode)
		if _, err := io.Copy(out, resp.Body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// until waits for a condition.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

func TestLongPollsOverSockets(t *testing.T) {
	c := newCollector()
	c.waits = true
	c.set("", rulesOf(1))
	server := real(t, c)
	log := &logger{}
	r, err := New(Options{URL: server.URL + "/v1", ApplicationID: secretID, Logger: log.slog()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	until(t, "the first fetch", func() bool { return r.Set().Rules() == 1 })
	for n := 2; n < 10; n++ {
		c.set("", rulesOf(n))
		until(t, "a change", func() bool { return r.Set().Rules() == n })
	}
	server.CloseClientConnections() // the long poll is cut off
	c.set(`{"sample_rate":9}`, rulesOf(30))
	until(t, "a change after the connection broke", func() bool { return r.Set().Rules() == 30 })

	until(t, "a long poll", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.busy == 1 })
	before := time.Now()
	cancel()
	<-done
	if took := time.Since(before); took > 5*time.Second {
		t.Errorf("a long poll held the end up for %v", took)
	}
	log.says(t)
}

// Requests are decided about, and pushes answered, while rules change.
func TestRulesAreUsedWhileTheyChange(t *testing.T) {
	c := newCollector()
	c.set("", rulesOf(1))
	server := real(t, c)
	r, err := New(Options{URL: server.URL, ApplicationID: secretID})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { r.Run(ctx) })
	until(t, "the first fetch", func() bool { return r.Set() != nil })
	for range 2 {
		all.Go(func() {
			for ctx.Err() == nil {
				d := r.Set().Decide(&rule.Subject{Verb: "GET", Route: "/"})
				if !d.Blocked || r.Confirmed().IsZero() {
					t.Errorf("%+v", d)
					return
				}
			}
		})
	}
	for n := 2; n < 8; n++ {
		c.set("", rulesOf(n))
		r.Saw(c.tags())
		until(t, "a change", func() bool { return r.Set().Rules() == n })
	}
	cancel()
	all.Wait()
}
