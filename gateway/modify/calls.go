package modify

import (
	"net/http"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/modify/cache"
)

// Calls puts what looks into, or changes, the calls of b around its transport, in
// the order of KrakenD (KrakenD v3, 2.1); next itself when there is nothing.
func Calls(b *config.Backend, next http.RoundTripper, s Scripts) http.RoundTripper {
	if b.Client != nil && b.Client.SendBodyOnRedirect {
		next = again{next}
	}
	if b.Martian != nil {
		next = newMartian(b.Martian, next)
	}
	if len(b.Checks) > 0 {
		next = &celCalls{expressions: newExpressions(b.Checks, s.Logger), next: next}
	}
	return luaBefore(b.Lua, next, s)
}

// Caches are the caches of a service's backends.
type Caches struct{ shared *cache.Store } // nil: nobody shares one

// NewCaches makes what the backends of s share.
func NewCaches(s *config.Service) *Caches {
	var items, bytes int
	for i := range s.Endpoints {
		for j := range s.Endpoints[i].Backends {
			c := s.Endpoints[i].Backends[j].Cache
			if c == nil || !c.Shared {
				continue
			}
			bytes = max(bytes, c.MaxSize)
			if items = max(items, c.MaxItems); c.MaxItems == 0 {
				items = 1<<31 - 1 // one asks for any number
			}
		}
	}
	if bytes == 0 {
		return &Caches{}
	}
	return &Caches{shared: cache.NewStore(items, bytes)}
}

// Before puts b's cache before next; next itself when it has none.
func (c *Caches) Before(b *config.Backend, next http.RoundTripper) http.RoundTripper {
	switch {
	case b.Cache == nil:
		return next
	case b.Cache.Shared:
		return cache.New(c.shared, next)
	}
	return cache.New(cache.NewStore(b.Cache.MaxItems, b.Cache.MaxSize), next)
}

// Questions makes b's calls ones of GraphQL, before everything else sees them; next
// itself when they are not.
func Questions(b *config.Backend, next http.RoundTripper) http.RoundTripper {
	if b.GraphQL == nil {
		return next
	}
	return newGraphQL(b.GraphQL, next)
}

// redirected reports whether r follows a redirect of the backend: it has been looked
// at as the call that led there.
func redirected(r *http.Request) bool { return r.Response != nil }
