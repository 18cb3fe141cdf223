package limit

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/time/rate"
	"pgregory.net/rapid"

	"github.com/gatemeter/gatemeter/gateway/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hand is a clock that tests move.
type hand struct{ ns atomic.Int64 }

func (h *hand) now() time.Time       { return time.Unix(1_700_000_000, h.ns.Load()) }
func (h *hand) move(d time.Duration) { h.ns.Add(int64(d)) }

// A bucket says what a limiter of golang.org/x/time/rate says, at any times.
func TestBucketsAreThoseOfTheRatePackage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Rates whose token takes whole nanoseconds: no rounding on either side.
		perSecond := rapid.SampledFrom([]float64{0.5, 1, 2, 4, 5, 10, 100, 250, 1000}).Draw(t, "rate")
		capacity := rapid.IntRange(1, 20).Draw(t, "capacity")
		h := &hand{}
		b := newBucket(config.Rate{PerSecond: perSecond, Capacity: capacity}, h.now)
		model := rate.NewLimiter(rate.Limit(perSecond), capacity)
		for i := range rapid.IntRange(1, 100).Draw(t, "calls") {
			// In milliseconds and away from the instants at which a token is complete,
			// where the model's float is a hair off.
			h.move(time.Duration(rapid.IntRange(0, 3000).Draw(t, "pause"))*time.Millisecond + time.Microsecond)
			if got, want := b.allow(), model.AllowN(h.now(), 1); got != want {
				t.Fatalf("call %d at %v: %v, want %v", i, h.now(), got, want)
			}
		}
	})
}

func TestABucketIsFullAtTheStartAndRefills(t *testing.T) {
	h := &hand{}
	b := newBucket(config.Rate{PerSecond: 2, Capacity: 3}, h.now)
	allowed := func(want int) {
		t.Helper()
		n := 0
		for n < 100 && b.allow() {
			n++
		}
		if n != want {
			t.Errorf("%d calls pass, want %d", n, want)
		}
	}
	allowed(3)
	h.move(499 * time.Millisecond)
	allowed(0) // and these take nothing
	h.move(time.Millisecond)
	allowed(1)
	h.move(time.Hour)
	allowed(3)
	h.move(-time.Hour) // a clock set back
	allowed(0)
	// A bucket that is not empty fills up as well: KrakenD's does not, so that five would
	// pass here (docs/migrating-from-krakend.md).
	h.move(2 * time.Hour)
	if !b.allow() {
		t.Error("a full bucket refuses")
	}
	h.move(time.Hour)
	allowed(3)
}

func TestExtremeRatesDoNotOverflow(t *testing.T) {
	for _, r := range []config.Rate{{PerSecond: 1e9, Capacity: 1 << 30}, {PerSecond: 1e-300, Capacity: 1}, {PerSecond: 1e-9, Capacity: 1<<31 - 1}, {PerSecond: 1e-9, Capacity: 1}} {
		h := &hand{}
		b := newBucket(r, h.now)
		if !b.allow() {
			t.Errorf("%+v: a full bucket refuses", r)
		}
		if r.Capacity == 1 {
			h.move(365 * 24 * time.Hour)
			if b.allow() {
				t.Errorf("%+v: a second call within a year", r)
			}
		}
	}
}

func TestConcurrentCallsShareABucketExactly(t *testing.T) {
	h := &hand{}
	b := newBucket(config.Rate{PerSecond: 1, Capacity: 100}, h.now)
	c := newClients(&config.RateLimit{Client: config.Rate{PerSecond: 1, Capacity: 10}, Shards: 4, CleanupPeriod: time.Minute}, h.now)
	var all, each atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				if b.allow() {
					all.Add(1)
				}
				if c.allow(fmt.Sprint(i % 5)) {
					each.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if all.Load() != 100 || each.Load() != 50 {
		t.Errorf("%d of 100 and %d of 50 pass", all.Load(), each.Load())
	}
}
