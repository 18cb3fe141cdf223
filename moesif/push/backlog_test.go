package push

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/moesif/queue"
)

// batch_size is no bound on throughput: full blocks go out one after the other,
// whatever the timer, and after an outage the backlog does.
func TestBacklogsDoNotWaitForTheTimer(t *testing.T) {
	for _, workers := range []int{1, 4} {
		for _, outage := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var down atomic.Bool
				down.Store(outage)
				c := &collector{answer: func([]int, *http.Request) (*http.Response, error) {
					if down.Load() {
						return status(503)
					}
					return status(201)
				}}
				q := open(t, queue.Options{BatchSize: 8, FlushAfter: 24 * time.Hour})
				p, err := New(Options{URL: "http://collector.test", ApplicationID: "app", Transport: c, Concurrency: workers}, q)
				if err != nil {
					t.Fatal(err)
				}
				go p.Run(context.Background())
				const full = 125 * 8
				put(q, span(0, full+3)...) // three more than fill blocks
				synctest.Wait()
				if outage {
					pass(10 * time.Minute)
					down.Store(false)
					pass(30 * time.Second) // the longest pause
					synctest.Wait()
				}
				if s := balance(t, q, full+3); s.Sent != full || s.Queued != 3 {
					t.Errorf("%d workers, outage %v: %d of %d events are sent before the timer: %+v", workers, outage, s.Sent, full, s)
				}
				pass(24 * time.Hour)
				synctest.Wait()
				if s := balance(t, q, full+3); s.Sent != full+3 {
					t.Errorf("%d workers, outage %v: the timer leaves %d", workers, outage, s.Queued)
				}
				if err := finish(t, p, time.Second); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// A collector that refuses is asked once a minute in the end: as soon as somebody
// has seen to it, the events that waited are delivered.
func TestRefusedPushesAreTriedOnceAMinuteInTheEnd(t *testing.T) {
	for _, code := range []int{400, 401, 402, 403} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var paid atomic.Bool
				c := &collector{answer: func([]int, *http.Request) (*http.Response, error) {
					if !paid.Load() {
						return status(code)
					}
					return status(201)
				}}
				q, _ := start(t, c, Options{Concurrency: 1})
				put(q, span(0, 8)...)
				pass(time.Hour)
				synctest.Wait()
				calls, _ := c.snapshot()
				last := calls[len(calls)-20:]
				for i := 1; i < len(last); i++ {
					if pause := last[i].Sub(last[i-1]); pause < 30*time.Second || pause > time.Minute {
						t.Errorf("pause of %s after an hour", pause)
					}
				}
				paid.Store(true)
				pass(time.Minute)
				synctest.Wait()
				if s := balance(t, q, 8); s.Sent != 8 {
					t.Errorf("a minute after it was seen to: %+v", s)
				}
			})
		})
	}
}
