package gateway

import (
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/limit"
	"github.com/gatemeter/gatemeter/gateway/pipe"
)

// limits makes what says how often.
type limits struct {
	options limit.Options
}

func newLimits(g *Gateway, clients pipe.Clients, now func() time.Time) *limits {
	return &limits{options: limit.Options{ClientIP: clients.IP, Now: now, Logger: g.logger}}
}

// before gives what stands before e, in the order in which requests meet it. names
// are e's parameters.
func (l *limits) before(e *config.Endpoint, names []string) []guard {
	var list []guard
	if r := e.Limits.Rate; r != nil {
		list = append(list, limit.NewRate(r, names, &l.options))
	}
	return list
}

// around gives what stands between a backend and its transport: the limit, and what
// limits itself around it.
func (l *limits) around(b *config.Backend, next http.RoundTripper) http.RoundTripper {
	if r := b.Limits.Called; r.PerSecond > 0 {
		next = limit.NewCalled(r, next, &l.options)
	}
	if c := b.Limits.Breaker; c != nil {
		next = limit.NewBreaker(c, b, next, &l.options)
	}
	return next
}
