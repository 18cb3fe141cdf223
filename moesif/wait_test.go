package moesif

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// roundTrip is an http.RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// replies answers everything with a status, after a while.
func replies(status int, after time.Duration) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		select {
		case <-time.After(after):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
	}
}

// In a bubble time goes by only while everybody waits: clients that are answered
// at the time they asked have waited for nothing.
func TestClientsWaitForNoCollector(t *testing.T) {
	for name, transport := range map[string]http.RoundTripper{
		"slow":     replies(201, 5*time.Second),
		"hung":     hung{},
		"refusing": replies(403, time.Millisecond),
		"failing":  replies(503, time.Millisecond),
		"poisoned": replies(400, time.Millisecond),
		"gone":     roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := start(t, `"batch_size":10,"event_queue_size":50,"debug":true`, func(o *Options) { o.Transport = transport })
				for round := range 5 {
					began := time.Now()
					for range 100 {
						r := httptest.NewRequest("POST", "/", strings.NewReader(`{"a":1}`))
						w := ask(g, r, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
						if w.Code != 200 || w.Body.String() != `{"a":1}` {
							t.Fatalf("round %d: got %d %s", round, w.Code, w.Body)
						}
					}
					if waited := time.Since(began); waited != 0 {
						t.Errorf("round %d: clients waited %s", round, waited)
					}
					if s := g.Stats(); s.Queued > 50 {
						t.Errorf("round %d: %d events are held", round, s.Queued)
					}
					<-time.After(7 * time.Second)
				}
				balance(t, g.Stats())
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				g.closed = true
				began := time.Now()
				_ = g.Close(ctx) // what is left depends on the collector
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("Close took %s", took)
				}
			})
		})
	}
}

func TestTheAnswersTimeIsThatOfItsLastByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, "")
		pause := func(d time.Duration) { <-time.After(d) }
		began := time.Now()
		call(g, func(w http.ResponseWriter, _ *http.Request) {
			pause(time.Second)
			w.WriteHeader(200)
			pause(2 * time.Second)
			_, _ = io.WriteString(w, "half")
			pause(4 * time.Second)
			_, _ = io.WriteString(w, "whole")
		}, "GET", "/")
		e := g.one(t)
		if asked, answered := e.Request.Time.Sub(began), e.Response.Time.Sub(began); asked != 0 || answered != 7*time.Second {
			t.Errorf("asked at %s, answered at %s, want 0s and 7s", asked, answered)
		}
	})
}
