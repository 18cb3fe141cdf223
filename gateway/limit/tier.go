package limit

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/policy"
)

// tiers finds the tier of a caller.
type tiers struct {
	key     string // canonical header
	list    []tier
	params  []string // names of the endpoint's; nil before every endpoint
	options *Options
}

type tier struct {
	literal string           // "" for the others
	policy  moesif.Predicate // nil for the others
}

func newTiers(t *config.Tiers, params []string, o *Options) (tiers, error) {
	out := tiers{key: t.Key, params: params, options: o}
	for i, c := range t.List {
		var next tier
		switch c.As {
		case "literal":
			next.literal = c.Value
		case "policy":
			var err error
			if next.policy, err = policy.Compile(c.Value); err != nil {
				return tiers{}, fmt.Errorf("tiers[%d].tier_value: %w", i, err)
			}
		}
		out.list = append(out.list, next)
	}
	return out, nil
}

// find returns the index of the first tier that r belongs to, -1 when there is none.
// A policy that fails, on an absent key say, does not match.
func (t *tiers) find(r *http.Request, values []string) int {
	value := first(r.Header[t.key])
	var subject *moesif.Subject
	for i := range t.list {
		switch c := &t.list[i]; {
		case c.literal != "":
			if c.literal == value {
				return i
			}
		case c.policy != nil:
			if subject == nil {
				subject = t.subject(r, values)
			}
			if is, err := c.policy(subject); is && err == nil {
				return i
			}
		default:
			return i
		}
	}
	return -1
}

// subject is what a policy can know of a request that is still to be answered.
func (t *tiers) subject(r *http.Request, values []string) *moesif.Subject {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") { // in absolute form
		path = r.URL.EscapedPath()
	}
	s := &moesif.Subject{
		Time:     t.now(),
		Method:   r.Method,
		Host:     r.Host,
		Path:     path,
		RawQuery: r.URL.RawQuery,
		ClientIP: t.options.ClientIP(r),
		Headers:  make(wire.Headers, 0, len(r.Header)),
	}
	for name, list := range r.Header {
		for _, v := range list {
			s.Headers = append(s.Headers, wire.Header{Name: name, Value: v})
		}
	}
	for i, name := range t.params {
		if s.Params == nil {
			s.Params = make(map[string]string, len(t.params))
		}
		s.Params[name] = values[i]
	}
	return s
}

func (t *tiers) now() time.Time { return t.options.now()() }

// Tiered is qos/ratelimit/tiered: a rate limit for each tier, with buckets of its own.
// It is safe for concurrent use, and one may stand before several endpoints, which
// then share its buckets.
type Tiered struct {
	tiers
	limits []admitter // one a tier; nil: no limit
}

type admitter interface {
	Admit(w http.ResponseWriter, r *http.Request, values []string) (*http.Request, bool)
}

// NewTiered compiles t. params are the names of the endpoint's parameters, nil for a
// limit that several endpoints share. redis holds the connections by name; scope tells
// this limit from others there, and is the same in all gateways that share it. The
// error begins with the key that can't be used.
func NewTiered(t *config.Tiered, params []string, redis map[string]*Redis, scope string, o *Options) (*Tiered, error) {
	found, err := newTiers(&t.Tiers, params, o)
	if err != nil {
		return nil, err
	}
	out := &Tiered{tiers: found}
	for i, l := range t.Limits {
		var limit admitter
		switch {
		case l == nil:
		case l.Connection == "":
			limit = NewRate(l, params, o)
		case redis[l.Connection] == nil:
			return nil, fmt.Errorf("tiers[%d].ratelimit_redis.connection_name: no connection is named %q", i, l.Connection)
		default:
			c := t.List[i]
			limit = newShared(l, params, redis[l.Connection], scope+" "+c.As+" "+c.Value, o)
		}
		out.limits = append(out.limits, limit)
	}
	return out, nil
}

// Admit lets a request pass as it is, or refuses it as Rate does. Who belongs to no
// tier passes.
func (t *Tiered) Admit(w http.ResponseWriter, r *http.Request, values []string) (*http.Request, bool) {
	i := t.find(r, values)
	if i < 0 || t.limits[i] == nil {
		return r, true
	}
	return t.limits[i].Admit(w, r, values)
}
