package gateway

import (
	"net/http"

	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/gateway/modify"
)

// propagated lets expressions and scripts see values of earlier backends as
// parameters (KrakenD v3, 1.7: sequential_propagated_params).
type propagated struct {
	names []string
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (p propagated) RoundTrip(r *http.Request) (*http.Response, error) {
	more := make(map[string]string, len(p.names))
	for _, name := range p.names {
		if value, ok := backend.Value(r.Context(), name); ok {
			more[name] = value
		}
	}
	return p.next.RoundTrip(r.WithContext(modify.WithParams(r.Context(), more)))
}

var _ http.RoundTripper = propagated{}
