package config

import (
	"cmp"
	"math"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits are what an endpoint, a backend or the whole service has to say about how
// often it may be called. The zero value limits nothing.
type Limits struct {
	Rate    *RateLimit // endpoint: qos/ratelimit/router; service: qos/ratelimit/service
	Tiered  *Tiered    // endpoint and service: qos/ratelimit/tiered
	Called  Rate       // backend: qos/ratelimit/proxy
	Breaker *Breaker   // backend: qos/circuit-breaker
	Quota   *Quota     // service, endpoint and backend: governance/quota

	Processors []Processor // service: governance/processors
	Redis      []Redis     // service: redis
}

// Rate is a token bucket: PerSecond tokens come in, Capacity are there at most and
// at the start, and every call takes one. The zero Rate limits nothing.
type Rate struct {
	PerSecond float64
	Capacity  int // at least 1, unless PerSecond is 0
}

// RateLimit is extra_config."qos/ratelimit/router" (KrakenD v3, 5), which
// "qos/ratelimit/service" has the keys of, and the ratelimit of a tier.
type RateLimit struct {
	All    Rate // of every call together
	Client Rate // of each client
	Strategy
	Shards        int           // clients are kept in so many maps, each with its lock
	CleanupPeriod time.Duration // forgotten after it are clients with a full bucket

	Connection     string // of redis, where the buckets are then; "": in this gateway's memory
	AllowOnFailure bool   // when Redis can't say

	path string // of the block
}

// Strategy says what tells one client from another.
type Strategy struct {
	By  string // ip, header or param; "" when there is none
	Key string // a header (canonical), a parameter, or for ip the header to ask first, "" for none
}

// ByAddress tells whether a client is its IP address.
func (s Strategy) ByAddress() bool { return s.By == "ip" }

const (
	defaultShards        = 2048
	mostShards           = 1 << 16
	defaultCleanupPeriod = time.Minute
)

// rateLimit reads a rate limit; nil when it is absent or limits nothing. e is nil at
// the root of the file.
func (b *block) rateLimit(e *Endpoint) *RateLimit {
	if b == nil {
		return nil
	}
	every := b.every()
	l := &RateLimit{
		path:          b.path,
		All:           b.rate("max_rate", "capacity", every),
		Client:        b.rate("client_max_rate", "client_capacity", every),
		Strategy:      b.strategy("strategy", "key", e),
		Shards:        cmp.Or(b.number("num_shards", mostShards), defaultShards),
		CleanupPeriod: cmp.Or(b.duration("cleanup_period"), defaultCleanupPeriod),
	}
	if l.Client.PerSecond > 0 && l.All.PerSecond < 1 && !b.positive("client_capacity") {
		l.Client.Capacity = 1 // so is KrakenD's (KrakenD v3, 5 and 9)
	}
	b.number("cleanup_threads", most32) // who comes cleans up here
	switch {
	case l.Client.PerSecond > 0 && l.By == "":
		b.warn(b.at("strategy"), "missing, so client_max_rate limits nobody: say ip, header or param")
		l.Client = Rate{}
	case l.Client.PerSecond == 0 && l.All.PerSecond == 0:
		b.warn(b.path, "limits nothing: set max_rate or client_max_rate")
	}
	b.close(nil)
	if l.Client.PerSecond == 0 && l.All.PerSecond == 0 {
		return nil
	}
	return l
}

// every reads the time that rates are given for, a second at least.
func (b *block) every() time.Duration {
	every := b.duration("every")
	if every > 0 && every < time.Second {
		b.warn(b.at("every"), "less than a second, 1s is taken (got %v)", every)
	}
	return max(every, time.Second)
}

// rate reads a bucket. Its capacity is that of one second when it is absent, as in
// KrakenD, and never less than one call.
func (b *block) rate(rate, capacity string, every time.Duration) Rate {
	r := Rate{PerSecond: b.amount(rate) / every.Seconds(), Capacity: b.number(capacity, most32)}
	if r.PerSecond == 0 {
		return Rate{}
	}
	if r.Capacity == 0 {
		r.Capacity = max(1, int(math.Min(r.PerSecond, most32)))
	}
	return r
}

// positive tells whether a key holds a number above 0.
func (b *block) positive(key string) bool {
	v, _, ok := b.find(key)
	n, number := asInt(v)
	return ok && number && n > 0
}

// amount reads a number that may have a fraction, from 0 to a thousand million.
func (b *block) amount(key string) float64 {
	const most = 1e9
	v, path, ok := b.scalar(key)
	if !ok {
		return 0
	}
	n, ok := asFloat(v)
	if s, is := v.(string); is {
		var err error
		n, err = strconv.ParseFloat(s, 64)
		ok = err == nil
	}
	if !ok || !(n >= 0 && n <= most) {
		b.problem(path, "must be a number from 0 to 1000000000 (got %s)", show(v))
		return 0
	}
	return n
}

var strategies = []string{"ip", "header", "param"}

// strategy reads what tells clients apart; "" when it is absent. e is nil at the root
// of the file, where there are no parameters.
func (b *block) strategy(by, key string, e *Endpoint) Strategy {
	s := Strategy{By: strings.ToLower(b.text(by)), Key: b.text(key)}
	where := b.at(key)
	switch s.By {
	case "":
		return Strategy{}
	case "ip":
		s.Key = textproto.CanonicalMIMEHeaderKey(s.Key)
	case "header":
		s.Key = textproto.CanonicalMIMEHeaderKey(s.Key)
		if s.Key == "" {
			b.problem(where, "missing: the header that tells clients apart")
		}
	case "param":
		switch {
		case e == nil:
			b.problem(b.at(by), "param needs an endpoint: say ip or header at the root of the file")
		case e.Path != "" && !slices.Contains(e.Params, s.Key):
			b.problem(where, "must be a parameter of the endpoint (got %s)%s", show(s.Key), didYouMean(s.Key, e.Params))
		}
	default:
		b.problem(b.at(by), "must be one of %s (got %s)%s", strings.Join(strategies, ", "), show(s.By), didYouMean(s.By, strategies))
		return Strategy{}
	}
	return s
}

// endpointLimits reads what extra_config of an endpoint says of limits.
func endpointLimits(extra map[string]*block, e *Endpoint) Limits {
	return Limits{
		Rate:   extra["qos/ratelimit/router"].rateLimit(e),
		Tiered: extra["qos/ratelimit/tiered"].tiered(e),
		Quota:  extra["governance/quota"].quota(e, atEndpoint),
	}
}

// serviceLimits reads what extra_config of the root says of limits.
func serviceLimits(extra map[string]*block) Limits {
	redis := extra["redis"].redis()
	return Limits{
		Rate:       extra["qos/ratelimit/service"].rateLimit(nil),
		Tiered:     extra["qos/ratelimit/tiered"].tiered(nil),
		Quota:      extra["governance/quota"].quota(nil, atService),
		Processors: extra["governance/processors"].processors(redis),
		Redis:      redis,
	}
}

// believedAddresses warns once where a client's address decides and any client can
// claim another one (settled answer 6).
func (b *block) believedAddresses(s *Service) {
	if len(s.Router.TrustedProxies) > 0 {
		return
	}
	decides := s.Limits.byAddress()
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		decides = decides || e.Limits.byAddress()
		for k := range e.Backends {
			decides = decides || e.Backends[k].Limits.byAddress()
		}
	}
	if decides {
		b.warn("extra_config.router.trusted_proxies", "missing, so any X-Forwarded-For is believed and limits by ip are easily passed by: name the proxies in front of the gateway")
	}
}

func (l *Limits) byAddress() bool {
	is := func(r *RateLimit) bool { return r != nil && r.ByAddress() }
	return is(l.Rate) || l.Tiered != nil && slices.ContainsFunc(l.Tiered.Limits, is) ||
		l.Quota != nil && slices.ContainsFunc(l.Quota.Of, func(t QuotaTier) bool { return t.ByAddress() })
}

// calledRate reads qos/ratelimit/proxy (KrakenD v3, 5).
func (b *block) calledRate() Rate {
	if b == nil {
		return Rate{}
	}
	r := b.rate("max_rate", "capacity", b.every())
	if r.PerSecond == 0 {
		b.warn(b.path, "limits nothing: set max_rate")
	}
	b.close(nil)
	return r
}

// backendLimits reads what extra_config of a backend says of limits.
func backendLimits(extra map[string]*block, e *Endpoint) Limits {
	return Limits{
		Called:  extra["qos/ratelimit/proxy"].calledRate(),
		Breaker: extra["qos/circuit-breaker"].breaker(),
		Quota:   extra["governance/quota"].quota(e, atBackend),
	}
}
