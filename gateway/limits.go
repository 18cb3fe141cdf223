package gateway

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/limit"
	"github.com/gatemeter/gatemeter/gateway/pipe"
)

// limits makes what says how often.
type limits struct {
	options limit.Options
	tiered  *limit.Tiered // before every endpoint; nil: none
}

// newLimits compiles what s has to say for all of its endpoints.
func newLimits(g *Gateway, clients pipe.Clients, now func() time.Time) (*limits, error) {
	l := &limits{options: limit.Options{ClientIP: clients.IP, Now: now, Logger: g.logger}}
	if t := g.service.Limits.Tiered; t != nil {
		var err error
		if l.tiered, err = limit.NewTiered(t, nil, &l.options); err != nil {
			return nil, fmt.Errorf("extra_config.qos/ratelimit/tiered.%w", err)
		}
	}
	return l, nil
}

// before gives what stands before e, in the order in which requests meet it: first
// what the service says of all endpoints. names are e's parameters. The error begins
// with the key that can't be used.
func (l *limits) before(e *config.Endpoint, names []string) ([]guard, error) {
	var list []guard
	if l.tiered != nil {
		list = append(list, l.tiered)
	}
	if r := e.Limits.Rate; r != nil {
		list = append(list, limit.NewRate(r, names, &l.options))
	}
	if t := e.Limits.Tiered; t != nil {
		tiered, err := limit.NewTiered(t, names, &l.options)
		if err != nil {
			return nil, fmt.Errorf("extra_config.qos/ratelimit/tiered.%w", err)
		}
		list = append(list, tiered)
	}
	return list, nil
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
