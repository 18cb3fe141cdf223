package gateway

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/limit"
	"github.com/gatemeter/gatemeter/gateway/pipe"
)

// limits makes what says how often, and how much.
type limits struct {
	options    limit.Options
	name       string // of the service
	redis      map[string]*limit.Redis
	processors map[string]*limit.Processor
	service    []guard // before every endpoint
	unmatched  []guard // before the answer to what no endpoint matches
}

// newLimits compiles what s has to say for all of its endpoints.
func newLimits(g *Gateway, clients pipe.Clients, now func() time.Time) (*limits, error) {
	l := &limits{
		options:    limit.Options{ClientIP: clients.IP, Now: now, Logger: g.logger},
		redis:      map[string]*limit.Redis{},
		processors: map[string]*limit.Processor{},
	}
	c := &g.service.Limits
	for i := range c.Redis {
		secure, err := redisTLS(&c.Redis[i])
		if err != nil {
			return l, fmt.Errorf("extra_config.redis: connection %s: %w", c.Redis[i].Name, err)
		}
		l.redis[c.Redis[i].Name] = limit.NewRedis(&c.Redis[i], secure)
	}
	for i := range c.Processors {
		p := &c.Processors[i]
		l.processors[p.Name] = limit.NewProcessor(p, l.redis[p.Connection], &l.options)
	}
	var err error
	l.name = g.service.Name
	l.service, err = l.of(c, nil, "")
	if err == nil && c.Rate != nil { // of makes it the first; unlike tiers and quotas it is about every call
		l.unmatched = l.service[:1:1]
	}
	return l, err
}

func redisTLS(r *config.Redis) (*tls.Config, error) {
	if r.TLS == nil {
		return nil, nil
	}
	return backend.TLSConfig(r.TLS)
}

// before gives what stands before e, in the order in which requests meet it: first
// what the service says of all endpoints, and quotas last, so that what a rate limit
// refuses is not used. names are e's parameters. The error begins with the key that
// can't be used.
func (l *limits) before(e *config.Endpoint, names []string) ([]guard, error) {
	own, err := l.of(&e.Limits, names, e.Method+" "+e.Path)
	if err != nil || len(own) == 0 {
		return l.service, err
	}
	var rates, quotas []guard
	for _, g := range append(l.service[:len(l.service):len(l.service)], own...) {
		if _, is := g.(*limit.Quota); is {
			quotas = append(quotas, g)
		} else {
			rates = append(rates, g)
		}
	}
	return append(rates, quotas...), nil
}

// of compiles the guards of one extra_config, a quota last. route is the endpoint's
// method and path, "" for the service.
func (l *limits) of(c *config.Limits, names []string, route string) ([]guard, error) {
	var list []guard
	if c.Rate != nil {
		list = append(list, limit.NewRate(c.Rate, names, &l.options))
	}
	if c.Tiered != nil {
		tiered, err := limit.NewTiered(c.Tiered, names, l.redis, l.name+" "+route, &l.options)
		if err != nil {
			return nil, fmt.Errorf("extra_config.qos/ratelimit/tiered.%w", err)
		}
		list = append(list, tiered)
	}
	if c.Quota != nil {
		p, err := l.processor(c.Quota)
		if err != nil {
			return nil, err
		}
		quota, err := limit.NewQuota(c.Quota, p, names, &l.options)
		if err != nil {
			return nil, fmt.Errorf("extra_config.governance/quota.%w", err)
		}
		list = append(list, quota)
	}
	return list, nil
}

func (l *limits) processor(q *config.Quota) (*limit.Processor, error) {
	if p, ok := l.processors[q.Name]; ok {
		return p, nil
	}
	return nil, fmt.Errorf("extra_config.governance/quota.quota_name: no quota is named %q", q.Name)
}

// around gives what stands between a backend and its transport: the rate limit, the
// breaker around it, and outermost the quota, whose refusals tell the breaker nothing.
func (l *limits) around(b *config.Backend, next http.RoundTripper) (http.RoundTripper, error) {
	if r := b.Limits.Called; r.PerSecond > 0 {
		next = limit.NewCalled(r, next, &l.options)
	}
	if c := b.Limits.Breaker; c != nil {
		next = limit.NewBreaker(c, b, next, &l.options)
	}
	q := b.Limits.Quota
	if q == nil {
		return next, nil
	}
	p, err := l.processor(q)
	if err != nil {
		return nil, err
	}
	if next, err = limit.NewWeighed(q, p, b, next, &l.options); err != nil {
		return nil, fmt.Errorf("extra_config.governance/quota.%w", err)
	}
	return next, nil
}

func (l *limits) close() {
	for _, r := range l.redis {
		r.Close()
	}
}
