package gateway

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

func concurrent(n int) func(*config.Endpoint) {
	return func(e *config.Endpoint) { e.ConcurrentCalls = n }
}

func TestConcurrentCallsAreAllMadeAndTheFirstCompleteOneCounts(t *testing.T) {
	var calls atomic.Int32
	left := make(chan struct{}, 10)
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch calls.Add(1) {
		case 1, 3:
			<-r.Context().Done() // cancelled
			left <- struct{}{}
		case 2:
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = io.WriteString(w, `{"body":"`+string(body)+`"}`)
		}
	})
	details := func(e *config.Endpoint) { e.Backends[0].ErrorDetails = "x" }
	g := serving(t, object("POST /json", host, "/", concurrent(4)), object("POST /details", host, "/", concurrent(4), details),
		object("POST /shaped", host, "/", concurrent(4), func(e *config.Endpoint) { e.Backends[0].Mapping = map[string]string{"body": "b"} }))
	for path, want := range map[string]string{"/json": `{"body":"hello"}`, "/details": `{"body":"hello"}`, "/shaped": `{"b":"hello"}`} {
		calls.Store(0)
		g.send(t, "POST "+path, "hello").check(t, path, 200, want, "true")
		heard(t, left, "one that lost")
		heard(t, left, "the other that lost")
	}
}

func TestConcurrentCallsStreamTheFirstAnswer(t *testing.T) {
	var calls atomic.Int32
	left := make(chan struct{}, 10)
	long := strings.Repeat("x", 1<<20)
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if calls.Add(1) != 3 { // the last to come answers
			<-r.Context().Done()
			left <- struct{}{}
			return
		}
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(body)
		_, _ = io.WriteString(w, long)
	})
	g := serving(t, noop("POST /a", host, "/", concurrent(3)))
	got := g.send(t, "POST /a", "hello")
	if got.StatusCode != http.StatusTeapot || got.Text != "hello"+long {
		t.Errorf("got %d and %d bytes", got.StatusCode, len(got.Text))
	}
	heard(t, left, "one that lost")
	heard(t, left, "the other that lost")
}

func TestConcurrentCallsHaveTheirPartOfTheTimeout(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	g := serving(t, object("GET /a", host, "/", concurrent(2), timeout(200*time.Millisecond)), noop("GET /b", host, "/", concurrent(2), timeout(200*time.Millisecond)))
	for _, path := range []string{"/a", "/b"} {
		began := time.Now()
		g.send(t, "GET "+path, "").check(t, path, 500, "", "false")
		if took := time.Since(began); took < 140*time.Millisecond {
			t.Errorf("%s: given up after %v, 75%% of the timeout are for it", path, took)
		}
	}
}

func TestConcurrentCallsWorkInAMerge(t *testing.T) {
	host := upstream(t, says)
	g := serving(t, object("GET /a", host, "/a", also("/b"), also("/404"), concurrent(3)))
	g.send(t, "GET /a", "").check(t, "/a", 200, `{"a":1,"b":2,"both":"a","deep":{"x":1,"y":2}}`, "false")
}
