package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif"
)

// startIn starts an integration in the test's own process.
func startIn(t *testing.T, c *collector) *moesif.Integration {
	t.Helper()
	cfg, _, problems := settings(map[string]any{name: map[string]any{
		"application_id": "app", "user_id_headers": "X-User", "collector_url": c.URL, "timer_wake_up_seconds": 3600,
	}}, noEnv)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	in, err := moesif.New(cfg, moesif.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestAServerThatStopsBeforeTheContextIsHeldToo(t *testing.T) {
	c := newCollector(t)
	m := newMeter(t.Context(), startIn(t, c), 10*time.Second, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	s := httptest.NewServer(m)
	defer s.Close()
	resp, err := client.Get(s.URL + "/a")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if err := s.Config.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.stored(t)["/a"]; !ok {
		t.Error("the shutdown was over before the event was delivered")
	}
}

func TestWithoutAServerTheContextEndsIt(t *testing.T) {
	c := newCollector(t)
	ctx, cancel := context.WithCancel(t.Context())
	m := newMeter(ctx, startIn(t, c), 10*time.Second, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	m.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/a", http.NoBody))
	cancel()
	<-m.drain.done
	if _, ok := c.stored(t)["/a"]; !ok {
		t.Error("the event was not delivered")
	}
}
