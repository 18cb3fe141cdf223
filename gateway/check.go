package gateway

import (
	"cmp"
	"net/http"

	"github.com/gatemeter/gatemeter/gateway/auth"
	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/modify"
	"github.com/gatemeter/gatemeter/gateway/pipe"
	"github.com/gatemeter/gatemeter/gateway/route"
	"github.com/gatemeter/gatemeter/moesif"
)

// newChecks compiles what looks into e's requests; names are its parameters.
func (g *Gateway) newChecks(e *config.Endpoint, names []string, o *pipe.Options) []guard {
	checks := []modify.Check{
		modify.NewLuaProxy(e, names, g.seen(o), g.scripts()), modify.NewCEL(e, names, g.seen(o), g.logger),
		modify.NewSchema(e), modify.NewKeepRequest(e, names, g.seen(o)),
	}
	return asGuards(o, append(checks, modify.NewKeep(e, names)...)...)
}

// newTokenChecks compiles what looks into the claims of e's validated tokens, and
// the script that runs after that.
func (g *Gateway) newTokenChecks(e *config.Endpoint, names []string, o *pipe.Options) []guard {
	return asGuards(o, modify.NewTokenCEL(e, names, g.seen(o), g.logger), modify.NewLua(e.Lua, names, e.Timeout, g.scripts()))
}

func (g *Gateway) seen(o *pipe.Options) modify.Seen {
	path := func(r *http.Request) string { return r.URL.Path }
	if g.service.Router.RemoveExtraSlash {
		path = func(r *http.Request) string { return route.Clean(r.URL.Path) }
	}
	return modify.Seen{Client: o.Clients.IP, Path: path, Claims: auth.Claims}
}

func asGuards(o *pipe.Options, checks ...modify.Check) []guard {
	var list []guard
	for _, c := range checks {
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
	if !refusal.Bare && !refusal.Said {
		pipe.SetHeaders(w.Header(), c.version)
	}
	if !c.message && !refusal.Said || refusal.Bare && refusal.Text == "" {
		w.WriteHeader(refusal.Status)
		return nil, false
	}
	w.Header().Set("Content-Type", cmp.Or(refusal.ContentType, "text/plain; charset=utf-8"))
	w.WriteHeader(refusal.Status)
	_, _ = w.Write([]byte(refusal.Text)) // the client may have gone
	return nil, false
}

var _ guard = (*check)(nil)
