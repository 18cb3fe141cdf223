package access

import (
	"time"

	"golang.org/x/time/rate"
)

// TakeEvents uses n of the events that an application may send, or returns how
// long its client has to wait before it sends them again. Without a rate it is
// always 0.
//
// A batch that is larger than the burst is taken as soon as the whole burst is
// there, and paid for by those that come later: the rate holds in the long run,
// and no batch is refused for ever.
func (g *Gate) TakeEvents(app string, n int) (wait time.Duration) {
	limiter := g.apps.Load().limiters[app]
	if limiter == nil || n <= 0 {
		return 0
	}
	now := g.clock()
	need := min(n, limiter.Burst())
	// Not a reservation that is cancelled: those that others made meanwhile would
	// not get back all they took.
	if !limiter.AllowN(now, need) {
		missing := float64(need) - limiter.TokensAt(now)
		return max(time.Duration(missing/float64(limiter.Limit())*float64(time.Second)).Round(time.Microsecond), time.Millisecond)
	}
	for n -= need; n > 0; n -= limiter.Burst() {
		limiter.ReserveN(now, min(n, limiter.Burst()))
	}
	return 0
}

// limiterOf returns the limiter of an application: the one it has, unless its
// rate was changed.
func (g *Gate) limiterOf(a Application) *rate.Limiter {
	if index := g.apps.Load(); index != nil {
		if had := index.limiters[a.ID]; had != nil && had.Limit() == rate.Limit(a.Rate) && had.Burst() == a.Burst {
			return had
		}
	}
	return rate.NewLimiter(rate.Limit(a.Rate), a.Burst)
}
