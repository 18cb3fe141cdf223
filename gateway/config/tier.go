package config

import (
	"net/textproto"
	"regexp"
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/policy"
)

// Tiers tell one kind of caller from another, mostly by a header (KrakenD v3, 5).
type Tiers struct {
	Key  string // header, canonical; "" when only policies and * tell
	List []Tier // the first that matches counts
}

// Tier is one kind of caller.
type Tier struct {
	As    string // literal, policy or *
	Value string // of the header, or an expression that compiles; "" for *
}

// Tiered is extra_config."qos/ratelimit/tiered": a rate limit for each tier. A
// caller of no tier is not limited by it.
type Tiered struct {
	Tiers
	Limits []*RateLimit // one a tier; nil limits nothing
}

// tiered reads qos/ratelimit/tiered; nil when it is absent. e is nil at the root.
func (b *block) tiered(e *Endpoint) *Tiered {
	if b == nil {
		return nil
	}
	out := &Tiered{Tiers: Tiers{Key: b.tierKey()}}
	for o := range b.objects("tiers") {
		o.tier(&out.Tiers)
		out.Limits = append(out.Limits, o.tierLimit(e))
		o.close(nil)
	}
	b.tiersDone(&out.Tiers)
	b.close(nil)
	return out
}

// tierLimit reads the limit of a tier, in memory or in Redis; nil when there is none.
func (b *block) tierLimit(e *Endpoint) *RateLimit {
	local, shared := b.object("ratelimit"), b.object("ratelimit_redis")
	if local != nil && shared != nil {
		b.problem(shared.path, "stands beside ratelimit: set only one of the two")
	}
	if local == nil && shared == nil {
		b.warn(b.at("ratelimit"), "missing: this tier is not limited")
	}
	if shared == nil {
		return local.rateLimit(e)
	}
	connection, allow := shared.text("connection_name"), shared.flag("on_failure_allow")
	if connection == "" {
		b.problem(shared.at("connection_name"), "missing: the name of a connection in the redis block of extra_config")
	}
	l := shared.rateLimit(e)
	if l != nil {
		l.Connection, l.AllowOnFailure = connection, allow
	}
	return l
}

// tierConnections checks that every limit of a tier refers to what is there.
func (b *block) tierConnections(s *Service) {
	check := func(t *Tiered) {
		if t == nil {
			return
		}
		for _, l := range t.Limits {
			if l != nil && l.Connection != "" && !slices.Contains(redisNames(s.Limits.Redis), l.Connection) {
				b.problem(under(l.path, "connection_name"), noConnection, show(l.Connection), didYouMean(l.Connection, redisNames(s.Limits.Redis)))
			}
		}
	}
	check(s.Limits.Tiered)
	for i := range s.Endpoints {
		check(s.Endpoints[i].Limits.Tiered)
	}
}

func (b *block) tierKey() string { return textproto.CanonicalMIMEHeaderKey(b.text("tier_key")) }

var tierKinds = []string{"literal", "policy", "*"}

// notYetKnown are variables of an expression that have no value before the backend is
// called, or none here.
var notYetKnown = regexp.MustCompile(`\b(JWT|req_body|resp_[a-z_]+)\b`)

// tier reads what a tier of t matches, and adds it.
func (b *block) tier(t *Tiers) {
	tier := Tier{As: b.text("tier_value_as"), Value: b.text("tier_value")}
	if tier.As == "" {
		tier.As = "literal"
	}
	where := b.at("tier_value")
	switch tier.As {
	case "literal":
		if tier.Value == "" {
			b.problem(where, "missing: the value of tier_key that belongs to this tier")
		}
	case "policy":
		if name := notYetKnown.FindString(tier.Value); name != "" {
			b.problem(where, "not supported yet: %s has no value where tiers are told apart (a claim can be propagated into a header)", name)
		} else if _, err := policy.Compile(tier.Value); err != nil {
			b.problem(where, "%s", err)
		}
	case "*":
		tier.Value = ""
	default:
		b.problem(b.at("tier_value_as"), "must be one of %s (got %s)%s", strings.Join(tierKinds, ", "), show(tier.As), didYouMean(tier.As, tierKinds))
	}
	if n := len(t.List); n > 0 && t.List[n-1].As == "*" {
		b.problem(b.path, "never reached, since * before it matches everybody: let * be the last tier")
	}
	t.List = append(t.List, tier)
}

// tiersDone checks what only all tiers together show.
func (b *block) tiersDone(t *Tiers) {
	literal := slices.ContainsFunc(t.List, func(t Tier) bool { return t.As == "literal" })
	if literal && t.Key == "" {
		b.problem(b.at("tier_key"), "missing: the header that tells tiers apart")
	}
	if len(t.List) == 0 {
		b.problem(b.at("tiers"), "missing: there must be a tier")
	}
}
