package access

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
)

// TooManyError says that there were too many wrong tries.
type TooManyError struct{ RetryAfter time.Duration }

func (e *TooManyError) Error() string {
	return fmt.Sprintf("too many wrong tries: wait %d seconds", int(e.RetryAfter/time.Second)+1)
}

// try runs a sign-in unless its address or its e-mail had too many wrong ones.
// The e-mail is limited as well because addresses are cheap.
func (g *Gate) try(host, email string, signIn func() error) error {
	keys := []string{"host " + host}
	if email != "" {
		keys = append(keys, "email "+email)
	}
	// Taken before the outcome is known and given back after: otherwise many
	// tries at once would all be let in by one place.
	for i, k := range keys {
		if wait := g.tries.take(k); wait > 0 {
			g.tries.giveBack(keys[:i]...)
			return &TooManyError{RetryAfter: wait}
		}
	}
	err := signIn()
	if !errors.Is(err, ErrRefused) {
		g.tries.giveBack(keys...)
	}
	return err
}

// maxKeys bounds a limiter's memory.
const maxKeys = 10000

// limiter counts wrong tries by key: burst of them at once, then one every refill.
type limiter struct {
	burst  int
	refill time.Duration
	clock  func() time.Time

	mu sync.Mutex
	// free[k] is when the last try of k will have been refilled; a key that is
	// not in it, or whose time is past, has its whole burst. Guarded by mu.
	free map[string]time.Time
}

func newLimiter(burst int, refill time.Duration, clock func() time.Time) *limiter {
	return &limiter{burst: burst, refill: refill, clock: clock, free: map[string]time.Time{}}
}

// take uses one try of k, or returns how long k has to wait for its next one.
func (l *limiter) take(k string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	at := l.free[k]
	if at.Before(now) {
		at = now
	}
	if wait := at.Sub(now) - l.refill*time.Duration(l.burst-1); wait > 0 {
		return wait
	}
	if len(l.free) >= maxKeys {
		maps.DeleteFunc(l.free, func(_ string, at time.Time) bool { return !at.After(now) })
		// Still full: forgetting everybody is better than growing for ever.
		if len(l.free) >= maxKeys {
			clear(l.free)
		}
	}
	l.free[k] = at.Add(l.refill)
	return 0
}

// giveBack undoes take.
func (l *limiter) giveBack(keys ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range keys {
		if at, ok := l.free[k]; ok {
			l.free[k] = at.Add(-l.refill)
		}
	}
}
