package gateway

import (
	"cmp"
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// bodyPatience is how long a client may take for a body that the gateway reads itself
// (a rule looks into it), or throws away because no backend gets it: as long as an
// endpoint has by default. KrakenD waits for ever, so that a client which announces a
// body and keeps it holds a connection. 0 where read_timeout says it.
func bodyPatience(s *config.Service) time.Duration {
	if s.ReadTimeout > 0 {
		return 0
	}
	return cmp.Or(s.Timeout, 2*time.Second)
}

// hurry lets bodyPatience begin, for a request with a body.
func (h *handler) hurry(a *answer, r *http.Request) {
	if h.patience <= 0 || r.Body == nil || r.Body == http.NoBody {
		return
	}
	a.hurried = http.NewResponseController(a).SetReadDeadline(time.Now().Add(h.patience)) == nil
}

// calm ends it: from here on the endpoint's timeout counts.
func (a *answer) calm() {
	if a.hurried {
		_ = http.NewResponseController(a).SetReadDeadline(time.Time{}) // the next read tells
	}
}

// slow answers 408 when rules, which have looked at r since began, have waited for its
// body in vain: they must not be passed by with a body that comes later.
func (h *handler) slow(a *answer, r *http.Request, began time.Time) bool {
	if !a.hurried || time.Since(began) < h.patience {
		return false
	}
	moesif.From(r.Context()).Refuse(moesif.BadRequest)
	a.WriteHeader(http.StatusRequestTimeout)
	return true
}

// hurried is next, which answers preflights by itself: none of them waits for a body.
func (h *handler) hurried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			h.hurry(&answer{ResponseWriter: w}, r)
		}
		next.ServeHTTP(w, r)
	})
}
