package push

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Pauses double from the first to the last of their kind.
const (
	firstDown, lastDown     = 200 * time.Millisecond, 30 * time.Second
	firstPause, lastPause   = time.Second, time.Minute
	longestRetryAfter       = time.Hour
	shortestPauseInTheDrain = 50 * time.Millisecond
)

// gate is what all pushes go through. While it is open, they all pass. When the
// collector fails, it is closed for a pause, after which one push at a time may
// probe: the outcome opens the gate, or makes the pause longer.
type gate struct {
	mu       sync.Mutex
	changed  chan struct{} // closed, and replaced, when what is below has changed
	state    int           // grows when the gate closes, closes for longer, or opens
	closed   bool
	key      string // what kind of problem closed it
	reason   string
	since    time.Time // when it was closed first
	until    time.Time // no probe before
	probing  bool      // a probe is under way
	waiting  int       // workers that wait with a block the collector has not seen
	failures int       // in a row
	hurried  bool      // draining
	deadline time.Time // of the drain; zero when there is none
}

// turn is a worker's permission to push. It is good as long as the gate stays as
// it is: while open, or for the one probe.
type turn struct {
	state int
	probe bool
}

// urgency says who probes first.
type urgency bool

const (
	fresh urgency = true  // has something to send that may be taken
	again urgency = false // would repeat what was refused, and lets others go first
)

func newGate() *gate { return &gate{changed: make(chan struct{}), state: 1} }

// enter returns when t is good: at once when it still is, else when the gate
// opens or it is this worker's turn to probe. It returns early with an error if
// ctx ends.
func (g *gate) enter(ctx context.Context, t *turn, u urgency) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if u == fresh {
		g.waiting++
		defer func() { g.waiting-- }()
	}
	for ctx.Err() == nil {
		if t.state == g.state && (!g.closed || t.probe) {
			return nil
		}
		if !g.closed {
			*t = turn{state: g.state}
			return nil
		}
		var due <-chan time.Time // never, when the outcome of a probe is to be waited for
		if !g.probing && (u == fresh || g.waiting == 0) {
			wait := time.Until(g.until)
			if wait <= 0 {
				g.probing = true
				*t = turn{state: g.state, probe: true}
				return nil
			}
			due = time.After(wait)
		}
		changed := g.changed
		g.mu.Unlock()
		select {
		case <-changed:
		case <-due:
		case <-ctx.Done():
		}
		g.mu.Lock()
	}
	return ctx.Err()
}

// leave gives up a probe that had no outcome.
func (g *gate) leave(t *turn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t.probe && t.state == g.state {
		g.change()
	}
	*t = turn{}
}

// open tells the gate that the collector took a push. It returns how long the
// gate was closed, if this opened it. The outcome of a push that began before
// the gate last changed says nothing.
func (g *gate) open(t *turn) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t.state != g.state {
		return 0
	}
	g.failures = 0
	if !g.closed {
		return 0
	}
	g.closed, g.key, g.reason = false, "", ""
	g.change()
	return max(1, time.Since(g.since))
}

// fail closes the gate, or keeps it closed for longer. It returns the pause, and
// whether the problem is another one than before.
func (g *gate) fail(t *turn, a answer) (wait time.Duration, news bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t.state != g.state {
		return 0, false
	}
	wait = g.pause(a)
	g.failures++
	news = !g.closed || g.key != a.key()
	if !g.closed {
		g.since = time.Now()
	}
	g.closed, g.key, g.reason = true, a.key(), a.why
	g.until = time.Now().Add(wait)
	g.change()
	return wait, news
}

// pause is how long to leave the collector alone.
func (g *gate) pause(a answer) time.Duration {
	first, last := firstPause, lastPause
	if a.kind == down {
		first, last = firstDown, lastDown
	}
	wait := min(last, first<<min(g.failures, 10))
	wait = wait/2 + rand.N(wait/2+1) // jitter
	wait = max(wait, min(a.retryAfter, longestRetryAfter))
	if !g.hurried || g.deadline.IsZero() {
		return wait
	}
	// A pause past the deadline would be for ever: rather try again before it.
	if left := time.Until(g.deadline); wait >= left {
		wait = max(left/2, shortestPauseInTheDrain)
	}
	return wait
}

// hurry ends the pause: until the deadline, if there is one, pushes are tried
// again and again.
func (g *gate) hurry(deadline time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hurried, g.deadline = true, deadline
	g.failures = 0
	g.until = time.Time{}
	close(g.changed)
	g.changed = make(chan struct{})
}

// why is the problem that keeps the gate closed, "" when it is open.
func (g *gate) why() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reason
}

// change begins another state and wakes who waits. The caller holds mu.
func (g *gate) change() {
	g.state++
	g.probing = false
	close(g.changed)
	g.changed = make(chan struct{})
}
