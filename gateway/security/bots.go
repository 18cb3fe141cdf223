package security

import (
	"hash/maphash"
	"net/http"
	"regexp"
	"sync/atomic"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// Bots is security/bot-detector: it answers 403 to user agents that are denied. It
// is safe for concurrent use and takes no lock.
type Bots struct {
	allow, deny map[string]bool // whole user agents
	patterns    []*regexp.Regexp
	empty       bool // an empty user agent is a bot's
	// seen remembers what the patterns said: a user agent has one place, and the
	// latest one takes it.
	seen []atomic.Pointer[verdict]
	seed maphash.Seed
}

// verdict never changes.
type verdict struct {
	agent string
	bot   bool
}

// longestKept bounds the user agents that are kept, in bytes.
const longestKept = 1 << 10

// NewBots compiles c.
func NewBots(c *config.Bots) *Bots {
	b := &Bots{
		allow: make(map[string]bool, len(c.Allow)), deny: make(map[string]bool, len(c.Deny)),
		patterns: c.Patterns, empty: c.EmptyUserAgentIsBot, seed: maphash.MakeSeed(),
	}
	for _, agent := range c.Allow {
		b.allow[agent] = true
	}
	for _, agent := range c.Deny {
		b.deny[agent] = true
	}
	if len(c.Patterns) > 0 {
		b.seen = make([]atomic.Pointer[verdict], c.CacheSize)
	}
	return b
}

// Admit lets r go on unless a bot sent it.
func (b *Bots) Admit(w http.ResponseWriter, r *http.Request, _ []string) (*http.Request, bool) {
	agent := ""
	if values := r.Header["User-Agent"]; len(values) > 0 {
		agent = values[0]
	}
	if !b.bot(agent) {
		return r, true
	}
	moesif.From(r.Context()).Refuse(moesif.Forbidden)
	w.WriteHeader(http.StatusForbidden)
	return nil, false
}

// bot asks allow first, then deny, then the patterns.
func (b *Bots) bot(agent string) bool {
	switch {
	case agent == "":
		return b.empty
	case b.allow[agent]:
		return false
	case b.deny[agent]:
		return true
	case len(b.seen) == 0 || len(agent) > longestKept:
		return b.matches(agent)
	}
	place := &b.seen[maphash.String(b.seed, agent)%uint64(len(b.seen))]
	if v := place.Load(); v != nil && v.agent == agent {
		return v.bot
	}
	v := &verdict{agent: agent, bot: b.matches(agent)}
	place.Store(v)
	return v.bot
}

func (b *Bots) matches(agent string) bool {
	for _, p := range b.patterns {
		if p.MatchString(agent) {
			return true
		}
	}
	return false
}
