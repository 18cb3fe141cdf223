package limit

import (
	"net/http"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// Rate is qos/ratelimit/router before an endpoint: 429 for a client that calls too
// often or does not say who it is, 503 when all together do. The client is asked
// first, so that one that is refused takes nothing from the others (KrakenD v3, 2.1).
// It is safe for concurrent use.
type Rate struct {
	all     *bucket  // nil: no limit
	clients *clients // nil: no limit
	key     keyOf    // of clients
}

// NewRate compiles l. params are the names of the endpoint's parameters.
func NewRate(l *config.RateLimit, params []string, o *Options) *Rate {
	limit := &Rate{}
	if l.All.PerSecond > 0 {
		limit.all = newBucket(l.All, o.now())
	}
	if l.Client.PerSecond > 0 {
		limit.clients = newClients(l, o.now())
		limit.key = newKey(l.Strategy, params, o.ClientIP)
	}
	return limit
}

// Admit lets a request pass as it is, or refuses it. values are those of the
// endpoint's parameters.
func (l *Rate) Admit(w http.ResponseWriter, r *http.Request, values []string) (*http.Request, bool) {
	if l.clients != nil {
		if key := l.key(r, values); key == "" || !l.clients.allow(key) {
			refuse(w, r, http.StatusTooManyRequests, moesif.RateLimited)
			return nil, false
		}
	}
	if l.all != nil && !l.all.allow() {
		refuse(w, r, http.StatusServiceUnavailable, moesif.RateLimited)
		return nil, false
	}
	return r, true
}
