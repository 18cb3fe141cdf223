// Package limit says how often: what stands before an endpoint's pipe, or around
// the transport of a backend, and refuses what is too much (KrakenD v3, 5).
package limit

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/moesif"
)

// Options are what the limits of a gateway share.
type Options struct {
	ClientIP func(*http.Request) string // the address of a request's client
	Now      func() time.Time           // nil: time.Now
	Logger   *slog.Logger
}

func (o *Options) now() func() time.Time {
	if o.Now == nil {
		return time.Now
	}
	return o.Now
}

// refuse answers with a status and nothing else (KrakenD v3, 9.5), and tells the
// exchange why.
func refuse(w http.ResponseWriter, r *http.Request, status int, reason string) {
	moesif.From(r.Context()).Refuse(reason)
	w.WriteHeader(status)
}
