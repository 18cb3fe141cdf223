package config

import (
	"net/textproto"
	"slices"
	"strings"
)

// Processor is one of extra_config."governance/processors".quotas of the service:
// rules that quotas refer to, and the place where use is counted (KrakenD v3, 5).
type Processor struct {
	Name           string
	Connection     string // of redis; "": this gateway's memory
	Rules          []QuotaRule
	AllowOnFailure bool   // when use can't be counted
	Retries        int    // when it could not be
	Backoff        string // how the pause before a retry grows; "": it does not
	HashKeys       bool   // only hashes of what tells clients apart leave the gateway
}

// QuotaRule is what one client may use; all of its limits count.
type QuotaRule struct {
	Name   string
	Limits []QuotaLimit
}

// QuotaLimit is an amount in each second, minute, hour, day, week (from Monday),
// month or year of the calendar in UTC.
type QuotaLimit struct {
	Amount int64 // at least 1
	Unit   string
}

// Quota is extra_config."governance/quota": how much the clients of each tier may use.
type Quota struct {
	Name string // of the processor
	Tiers
	Of             []QuotaTier // one a tier
	AllowUnmatched bool        // a caller of no tier
	HideHeaders    bool        // X-Quota-Limit and X-Quota-Remaining

	path string // of the block
}

// QuotaTier says which rule holds for a tier, and what tells its clients apart.
type QuotaTier struct {
	Rule string
	Strategy
	Weight Weight
}

// Weight says how much a call uses, by what the backend answers. The zero Weight is
// one a call.
type Weight struct {
	In  string // body or header; "" when there is none
	Key string // dotted path into a JSON object, or a header (canonical)
}

var (
	quotaUnits = []string{"second", "minute", "hour", "day", "week", "month", "year"}
	backoffs   = []string{"linear", "linear-jitter", "exponential", "exponential-jitter", "fallback"}
	weightsIn  = []string{"body", "header"}
)

const (
	mostAmount  = 1 << 52 // Redis' scripts count in floats
	mostRetries = 10
)

// processors reads governance/processors. redis are the connections there are.
func (b *block) processors(redis []Redis) []Processor {
	if b == nil {
		return nil
	}
	var out []Processor
	for o := range b.objects("quotas") {
		p := Processor{
			Name:           o.text("name"),
			Connection:     o.text("connection_name"),
			AllowOnFailure: o.flag("on_failure_allow"),
			Retries:        o.number("on_failure_max_retries", mostRetries),
			Backoff:        o.oneOf("on_failure_backoff_strategy", "", backoffs),
			HashKeys:       o.flag("hash_keys"),
		}
		if p.Name == "" {
			b.problem(o.at("name"), "missing: the name that a quota refers to")
		}
		if slices.ContainsFunc(out, func(other Processor) bool { return other.Name == p.Name }) {
			b.problem(o.at("name"), "%s stands twice: give each processor its own name", show(p.Name))
		}
		if p.Connection != "" && !slices.ContainsFunc(redis, func(r Redis) bool { return r.Name == p.Connection }) {
			b.problem(o.at("connection_name"), noConnection, show(p.Connection), didYouMean(p.Connection, redisNames(redis)))
		}
		p.Rules = o.quotaRules()
		o.withoutEffect("it spares calls of Redis, and here each call is counted there", "rejecter_cache", "deny_queue_flush_interval", "deny_queue_max_items", "deny_queue_flush_workers")
		o.close(nil)
		out = append(out, p)
	}
	b.close(nil)
	return out
}

// withoutEffect warns of keys that are read and change nothing, because of why.
func (b *block) withoutEffect(why string, keys ...string) {
	for _, key := range keys {
		if v, path, ok := b.find(key); ok && !empty(v) {
			b.warn(path, "has no effect: %s", why)
		}
	}
}

func (b *block) quotaRules() []QuotaRule {
	var out []QuotaRule
	for o := range b.objects("rules") {
		rule := QuotaRule{Name: o.text("name")}
		if rule.Name == "" {
			b.problem(o.at("name"), "missing: the name that a tier refers to")
		}
		if slices.ContainsFunc(out, func(other QuotaRule) bool { return other.Name == rule.Name }) {
			b.problem(o.at("name"), "%s stands twice: give each rule its own name", show(rule.Name))
		}
		for l := range o.objects("limits") {
			limit := QuotaLimit{Amount: int64(l.number("amount", mostAmount)), Unit: l.oneOf("unit", "", quotaUnits)}
			if limit.Amount == 0 && l.sound() {
				b.problem(l.at("amount"), "missing, or 0: must be a whole number of at least 1")
			}
			if limit.Unit == "" && !l.has("unit") {
				b.problem(l.at("unit"), "missing: one of %s", strings.Join(quotaUnits, ", "))
			}
			l.close(nil)
			rule.Limits = append(rule.Limits, limit)
		}
		if len(rule.Limits) == 0 {
			b.problem(o.at("limits"), "missing: a rule has a limit")
		}
		o.close(nil)
		out = append(out, rule)
	}
	if len(out) == 0 {
		b.problem(b.at("rules"), "missing: there must be a rule")
	}
	return out
}

// sound tells that amount is not wrong in another way already.
func (b *block) sound() bool {
	v, _, ok := b.find("amount")
	if !ok {
		return true
	}
	n, whole := asInt(v)
	return whole && n == 0
}

// quota reads governance/quota; nil when it is absent. e is nil at the root.
// Around a backend's call there are no parameters, but there is an answer to
// weigh.
func (b *block) quota(e *Endpoint, at level) *Quota {
	if b == nil {
		return nil
	}
	q := &Quota{
		Name:           b.text("quota_name"),
		Tiers:          Tiers{Key: b.tierKey()},
		AllowUnmatched: b.flag("on_unmatched_tier_allow"),
		HideHeaders:    b.flag("disable_quota_headers"),
		path:           b.path,
	}
	every := b.weight(at)
	for o := range b.objects("tiers") {
		o.tier(&q.Tiers)
		t := QuotaTier{Rule: o.text("rule_name"), Weight: o.weight(at)}
		if t.Weight.In == "" {
			t.Weight = every
		}
		switch {
		case at == atBackend && strings.EqualFold(o.text("strategy"), "param"):
			o.at("key")
			o.problem(o.at("strategy"), "param is not there around a backend: say ip or header, or put the quota into the endpoint")
		default:
			t.Strategy = o.strategy("strategy", "key", e)
		}
		if !o.has("strategy") {
			o.problem(o.at("strategy"), "missing: what tells clients apart, one of %s", strings.Join(strategies, ", "))
		}
		o.close(nil)
		q.Of = append(q.Of, t)
	}
	b.tiersDone(&q.Tiers)
	b.close(nil)
	return q
}

// weight reads weight_key and weight_strategy.
func (b *block) weight(at level) Weight {
	w := Weight{In: b.oneOf("weight_strategy", "", weightsIn), Key: b.text("weight_key")}
	if w.Key == "" {
		return Weight{}
	}
	switch {
	case at != atBackend:
		b.problem(b.at("weight_key"), "not supported yet: a call is weighed by its backend's answer, so this quota belongs into the backend's extra_config")
		return Weight{}
	case w.In == "":
		w.In = "body"
	case w.In == "header":
		w.Key = textproto.CanonicalMIMEHeaderKey(w.Key)
	}
	return w
}

// quotas checks that every quota refers to what is there.
func (b *block) quotas(s *Service) {
	b.refers(s.Limits.Quota, s)
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		b.refers(e.Limits.Quota, s)
		for k := range e.Backends {
			back := &e.Backends[k]
			b.refers(back.Limits.Quota, s)
			b.reaches(back.Limits.Quota, e, back)
		}
	}
}

func (b *block) refers(q *Quota, s *Service) {
	if q == nil {
		return
	}
	var names []string
	for _, p := range s.Limits.Processors {
		names = append(names, p.Name)
	}
	i := slices.Index(names, q.Name)
	if i < 0 {
		b.problem(under(q.path, "quota_name"), "must be the name of a quota in governance/processors (got %s)%s", show(q.Name), didYouMean(q.Name, names))
		return
	}
	var rules []string
	for _, r := range s.Limits.Processors[i].Rules {
		rules = append(rules, r.Name)
	}
	for k, t := range q.Of {
		if !slices.Contains(rules, t.Rule) {
			b.problem(under(item(under(q.path, "tiers"), k), "rule_name"), "must be the name of a rule of %s (got %s)%s", q.Name, show(t.Rule), didYouMean(t.Rule, rules))
		}
	}
}

// reaches warns of headers that a backend's quota needs and that the endpoint or the
// backend does not let through: no call would pass.
func (b *block) reaches(q *Quota, e *Endpoint, back *Backend) {
	if q == nil {
		return
	}
	passes := func(header string) bool {
		all := len(e.InputHeaders) == 1 && e.InputHeaders[0] == "*"
		own := header == "X-Forwarded-For"
		return (all || own || slices.Contains(e.InputHeaders, header)) &&
			(len(back.InputHeaders) == 0 || slices.Contains(back.InputHeaders, header))
	}
	need := func(at, header string) {
		if header != "" && !passes(header) {
			b.warn(at, "%s does not reach the backend, so its quota can't see it: add it to input_headers", header)
		}
	}
	need(under(q.path, "tier_key"), q.Key)
	for i, t := range q.Of {
		at := under(item(under(q.path, "tiers"), i), "strategy")
		if t.By == "header" {
			need(at, t.Key)
		}
		if t.By == "ip" {
			need(at, "X-Forwarded-For")
		}
	}
}
