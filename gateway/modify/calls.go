package modify

import (
	"net/http"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// Calls puts what looks into, or changes, the calls of b around its transport, in
// the order of KrakenD (KrakenD v3, 2.1); next itself when there is nothing.
func Calls(b *config.Backend, next http.RoundTripper) http.RoundTripper {
	if b.Client != nil && b.Client.SendBodyOnRedirect {
		next = again{next}
	}
	if b.Martian != nil {
		next = newMartian(b.Martian, next)
	}
	if len(b.Checks) > 0 {
		next = &celCalls{expressions: newExpressions(b.Checks), next: next}
	}
	return next
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
