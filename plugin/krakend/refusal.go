package main

import (
	"net/http"

	"github.com/gatemeter/gatemeter/moesif"
)

// completedHeader is on every answer that an endpoint of the host has given, and
// on none that a layer in front of it has (KrakenD v3, 1.8 and 9).
const completedHeader = "X-Krakend"

// refusals are the reasons for what those layers answer with.
var refusals = map[int]string{
	http.StatusBadRequest:         moesif.BadRequest,
	http.StatusUnauthorized:       moesif.Unauthenticated,
	http.StatusForbidden:          moesif.Forbidden,
	http.StatusTooManyRequests:    moesif.RateLimited,
	http.StatusServiceUnavailable: moesif.RateLimited, // by the endpoint's own limit
}

// tellRefusals tells the exchange when the host has refused the request. Without
// it, whoever presents a forged token would have calls in the name of its user.
func tellRefusals(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		exchange := moesif.From(r.Context())
		if reason, ok := refusals[exchange.Status()]; ok && w.Header().Get(completedHeader) == "" {
			exchange.Refuse(reason)
		}
	})
}
