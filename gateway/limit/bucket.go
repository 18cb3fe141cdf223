package limit

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// pace is a token bucket without its content, with the semantics of
// golang.org/x/time/rate: full at the start, refilled as time passes, a call that is
// refused takes nothing. What a bucket holds is one number, the instant at which it
// will be full again; so it can be changed without a lock, and forgotten once that
// instant has passed.
type pace struct {
	token int64 // nanoseconds in which one token comes in, at least 1
	depth int64 // nanoseconds in which an empty bucket becomes full
}

// longest bounds the two, so that instants never overflow: 73 years.
const longest = math.MaxInt64 / 4

func newPace(r config.Rate) pace {
	token := min(max(1, math.Round(1e9/r.PerSecond)), longest)
	return pace{token: int64(token), depth: int64(min(token*float64(r.Capacity), longest))}
}

// take asks for a token at the instant now from a bucket that is full at the instant
// full. It gives the bucket's next content; ok is false when there is no token.
func (p pace) take(full, now int64) (next int64, ok bool) {
	full = max(full, now)
	if full-now > p.depth-p.token {
		return full, false
	}
	return full + p.token, true
}

// bucket is one bucket for everybody.
type bucket struct {
	pace
	clock
	full atomic.Int64
}

func newBucket(r config.Rate, now func() time.Time) *bucket {
	return &bucket{pace: newPace(r), clock: newClock(now)}
}

// allow takes a token, if there is one.
func (b *bucket) allow() bool {
	now := b.instant()
	for {
		full := b.full.Load()
		next, ok := b.take(full, now)
		if !ok {
			return false
		}
		if b.full.CompareAndSwap(full, next) {
			return true
		}
	}
}

// clock counts nanoseconds from its making. They are monotonic where the times are.
type clock struct {
	now   func() time.Time
	began time.Time
}

func newClock(now func() time.Time) clock { return clock{now: now, began: now()} }

func (c *clock) instant() int64 { return int64(c.now().Sub(c.began)) }
