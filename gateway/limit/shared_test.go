package limit

import (
	"testing"
	"time"

	"golang.org/x/time/rate"
	"pgregory.net/rapid"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// A bucket in Redis says what a limiter of golang.org/x/time/rate says.
func TestBucketsInRedisAreThoseOfTheRatePackage(t *testing.T) {
	r := redisOf(t, newServer(t, "").address, "")
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		perSecond := rapid.SampledFrom([]float64{0.5, 1, 4, 10, 250}).Draw(rt, "rate")
		capacity := rapid.IntRange(1, 10).Draw(rt, "capacity")
		h := &hand{}
		p := newPace(config.Rate{PerSecond: perSecond, Capacity: capacity})
		model := rate.NewLimiter(rate.Limit(perSecond), capacity)
		for i := range rapid.IntRange(1, 30).Draw(rt, "calls") {
			// Away from the instants at which a token is complete: both sides round.
			h.move(time.Duration(rapid.IntRange(0, 3000).Draw(rt, "pause"))*time.Millisecond + 10*time.Microsecond)
			got, err := r.take(t.Context(), "bucket:"+time.Duration(run).String(), p, h.now)
			if err != nil {
				rt.Fatal(err)
			}
			if want := model.AllowN(h.now(), 1); got != want {
				rt.Fatalf("call %d at %v: %v, want %v", i, h.now(), got, want)
			}
		}
	})
}

// Tokens whose time is no whole number of microseconds add up to the capacity.
func TestABucketInRedisHasAllOfItsCapacity(t *testing.T) {
	s := newServer(t, "")
	r := redisOf(t, s.address, "")
	for _, perSecond := range []float64{3, 7, 0.3, 1e-3, 1.0 / 3600} {
		h := &hand{}
		p := newPace(config.Rate{PerSecond: perSecond, Capacity: 9})
		passed := 0
		for range 20 {
			ok, err := r.take(t.Context(), "b", p, h.now)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				passed++
			}
		}
		if passed != 9 {
			t.Errorf("%v a second: %d pass of a capacity of 9", perSecond, passed)
		}
		if err := s.client.Do(t.Context(), s.client.B().Flushall().Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
}

// Without a clock of ours the server's counts, and a bucket is forgotten a while after it is full.
func TestBucketsInRedisEndWhenTheyAreFull(t *testing.T) {
	s := newServer(t, "")
	r := redisOf(t, s.address, "")
	p := newPace(config.Rate{PerSecond: 1.0 / 3600, Capacity: 2})
	for i, want := range []bool{true, true, false} {
		if ok, err := r.take(t.Context(), "b", p, nil); ok != want || err != nil {
			t.Errorf("call %d: %v, %v", i, ok, err)
		}
	}
	left, err := s.client.Do(t.Context(), s.client.B().Pttl().Key("b").Build()).AsInt64()
	if d := time.Duration(left) * time.Millisecond; err != nil || d > 2*time.Hour+graceOfKeys+time.Second || d < 2*time.Hour+graceOfKeys-patience {
		t.Errorf("ends in %v, %v", d, err)
	}
}
