package gateway

import (
	"net/http"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/modify"
	"github.com/gatemeter/gatemeter/gateway/pipe"
	"github.com/gatemeter/gatemeter/moesif"
)

// newChecks compiles what looks into e's requests.
func newChecks(e *config.Endpoint, _ []string, o *pipe.Options) []guard {
	var list []guard
	for _, c := range []modify.Check{modify.NewSchema(e)} {
		if c != nil {
			list = append(list, &check{look: c, version: pipe.VersionHeader(o), message: o.ReturnErrorMsg})
		}
	}
	return list
}

// check answers for a modify.Check as the endpoint does: with X-Krakend, and with a
// text only where router.return_error_msg is on (KrakenD v3, 1.8).
type check struct {
	look    modify.Check
	version []string
	message bool
}

// Admit implements guard.
func (c *check) Admit(w http.ResponseWriter, r *http.Request, values []string) (*http.Request, bool) {
	next, refusal := c.look.Look(w, r, values)
	if refusal == nil {
		return next, true
	}
	moesif.From(r.Context()).Refuse(refusal.Reason)
	if refusal.Bare {
		w.WriteHeader(refusal.Status)
		return nil, false
	}
	pipe.SetHeaders(w.Header(), c.version)
	if !c.message {
		w.WriteHeader(refusal.Status)
		return nil, false
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(refusal.Status)
	_, _ = w.Write([]byte(refusal.Text)) // the client may have gone
	return nil, false
}

var _ guard = (*check)(nil)
