package push

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestCloseEndsThePauseAndDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		c := &collector{answer: func([]int, *http.Request) (*http.Response, error) {
			if up.Load() {
				return status(201)
			}
			return status(503, "Retry-After", "600")
		}}
		q, p := start(t, c, Options{})
		put(q, span(0, 100)...)
		pass(time.Minute)
		up.Store(true)
		began := time.Now()
		if err := finish(t, p, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v", took)
		}
		if s := balance(t, q, 100); s.Sent != 100 {
			t.Fatalf("%+v", s)
		}
	})
}

func TestCloseTriesToTheDeadlineAndSaysWhatIsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		answer func([]int, *http.Request) (*http.Response, error)
		why    string
	}{
		"gone": {func([]int, *http.Request) (*http.Response, error) { return nil, errBroken },
			`the collector does not answer: Post "http://collector.test/v1/events/batch": connection reset by peer`},
		"come back later": {func([]int, *http.Request) (*http.Response, error) { return status(503, "Retry-After", "3600") },
			"the collector is not available (503)"},
		"refusing": {func([]int, *http.Request) (*http.Response, error) { return status(403) },
			"the collector refuses the application id (403): check application_id"},
		"hung": {func(_ []int, r *http.Request) (*http.Response, error) { return nil, after(r, time.Hour) },
			"there was not enough time"},
		"400": {poison(span(0, 100)...), "the collector refuses every event (400): is collector_url right, and does anything stand in between"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				col := &collector{answer: c.answer}
				q, p := start(t, col, Options{})
				put(q, span(0, 50)...)
				synctest.Wait()
				before, _ := col.snapshot()
				began := time.Now()
				err := finish(t, p, 9*time.Second)
				if err == nil || err.Error() != "push: 50 events not delivered: "+c.why {
					t.Errorf("got %v", err)
				}
				if took := time.Since(began); took != 9*time.Second {
					t.Errorf("took %v", took)
				}
				if s := balance(t, q, 50); s.Queued != 50 {
					t.Fatalf("%+v", s)
				}
				if after, _ := col.snapshot(); name != "hung" && len(after)-len(before) < 5 {
					t.Errorf("tried only %d times", len(after)-len(before))
				}
			})
		})
	}
}

// A deadline that comes while half of the queue is out keeps the other half.
func TestSlowCollectorGetsWhatTheDeadlineAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{answer: func(_ []int, r *http.Request) (*http.Response, error) {
			if err := after(r, time.Second); err != nil {
				return nil, err
			}
			return status(201)
		}}
		q, p := start(t, c, Options{Concurrency: 1})
		put(q, span(0, 80)...)
		err := finish(t, p, 5500*time.Millisecond)
		if err == nil || !strings.Contains(err.Error(), "40 events not delivered") {
			t.Fatal(err)
		}
		if s := balance(t, q, 80); s.Sent != 40 || s.Queued != 40 {
			t.Fatalf("%+v", s)
		}
	})
}
