package auth

import (
	"context"
	"crypto/sha1" //nolint:gosec // one of KrakenD's ways to keep keys
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/time/rate"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
	"github.com/gatemeter/gatemeter/moesif/identity"
)

// apiKeys are those of the service, never changed.
type apiKeys struct {
	hash      func() hash.Hash // nil: keys are kept as they are sent
	salt      string
	propagate string
	count     int
	known     map[[sha256.Size]byte]*apiKey // by their blinded form
	blind     func(string) [sha256.Size]byte
}

// apiKey is one key, whose text is known no more.
type apiKey struct {
	number int
	roles  []string
	// user is whom the calls of the key count for: a name made out of the key, the
	// same as long as the key is, that the key can't be made out of.
	user string
}

func newAPIKeys(c *config.APIKeys, blind func(string) [sha256.Size]byte) *apiKeys {
	keys := &apiKeys{propagate: c.PropagateRole, count: len(c.Keys), known: map[[sha256.Size]byte]*apiKey{}, blind: blind}
	switch c.Hash {
	case "fnv128":
		keys.hash = fnv.New128
	case "sha256":
		keys.hash = sha256.New
	case "sha1":
		keys.hash = sha1.New
	}
	if keys.hash != nil {
		keys.salt = c.Salt
	}
	for i, k := range c.Keys {
		sum := sha256.Sum256([]byte("gatemeter api key " + k.Key))
		keys.known[blind(k.Key)] = &apiKey{number: i, roles: k.Roles, user: "key-" + hex.EncodeToString(sum[:8])}
	}
	return keys
}

// find is the key that text opens with, nil when it is none. What is looked up is a
// hash of a secret of this process and the key: how long it takes tells nothing of the
// keys that there are.
func (k *apiKeys) find(text string) *apiKey {
	if text == "" {
		return nil
	}
	if k.hash != nil {
		h := k.hash()
		_, _ = h.Write([]byte(k.salt + text)) // never fails
		text = hex.EncodeToString(h.Sum(nil))
	}
	return k.known[k.blind(text)]
}

// KeyGuard lets through requests with an API key of the right role (auth/api-keys).
// Others get 401, and 403 when the key is known.
type KeyGuard struct {
	config.KeyAccess
	keys   *apiKeys
	naming naming
}

// Admit implements Guard.
func (g *KeyGuard) Admit(w http.ResponseWriter, r *http.Request, _ []string) (*http.Request, bool) {
	x := moesif.From(r.Context())
	key := g.keys.find(g.text(r))
	if key == nil {
		x.Refuse(moesif.Unauthenticated)
		refuse(w, http.StatusUnauthorized)
		return nil, false
	}
	g.naming.set(x, r, key.user)
	i := slices.IndexFunc(g.Roles, func(role string) bool { return slices.Contains(key.roles, role) })
	if i < 0 {
		x.Refuse(moesif.Forbidden)
		refuse(w, http.StatusForbidden)
		return nil, false
	}
	if g.keys.propagate != "" {
		r.Header[g.keys.propagate] = []string{g.Roles[i]}
	}
	if g.ClientMaxRate > 0 {
		r = r.WithContext(context.WithValue(r.Context(), keyContext{}, key))
	}
	return r, true
}

// text is what the request has for a key; Bearer may stand before it.
func (g *KeyGuard) text(r *http.Request) string {
	if g.InQuery {
		key, _ := identity.Query(r.URL.RawQuery, g.Identifier)
		return key
	}
	key := ""
	if values := r.Header[g.Identifier]; len(values) > 0 {
		key = values[0]
	}
	const bearer = len("Bearer ")
	if len(key) >= bearer && strings.EqualFold(key[:bearer], "Bearer ") {
		key = strings.TrimSpace(key[bearer:])
	}
	return key
}

// keyContext finds the key in the context of a request that a KeyGuard let through.
type keyContext struct{}

// KeyLimit answers 429 to a key that comes too often (client_max_rate). A key may use
// what it has a second at once; each endpoint counts on its own.
type KeyLimit struct {
	buckets []*rate.Limiter // by the number of the key
}

func newKeyLimit(perSecond float64, keys int) *KeyLimit {
	l := &KeyLimit{buckets: make([]*rate.Limiter, keys)}
	for i := range l.buckets {
		l.buckets[i] = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))
	}
	return l
}

// Admit implements Guard.
func (l *KeyLimit) Admit(w http.ResponseWriter, r *http.Request, _ []string) (*http.Request, bool) {
	key, _ := r.Context().Value(keyContext{}).(*apiKey)
	if key == nil || l.buckets[key.number].Allow() {
		return r, true
	}
	moesif.From(r.Context()).Refuse(moesif.RateLimited)
	refuse(w, http.StatusTooManyRequests)
	return nil, false
}

var (
	_ Guard = (*KeyGuard)(nil)
	_ Guard = (*KeyLimit)(nil)
)
