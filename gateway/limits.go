package gateway

import (
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
