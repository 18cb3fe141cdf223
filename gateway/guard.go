package gateway

import (
	"net/http"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/pipe"
)

// guard stands before an endpoint's pipe. It lets a request go on, as it is or as
// the one it returns, or answers it itself and returns false; then it says why to
// the exchange (moesif.From, Refuse). values are the endpoint's parameters, decoded,
// in the pattern's order. It is safe for concurrent use.
type guard interface {
	Admit(w http.ResponseWriter, r *http.Request, values []string) (*http.Request, bool)
}

// guards are those of one endpoint in the order in which requests meet them, once the
// path's parameters are known to be safe (KrakenD v3, 2.1). Rules are asked between
// identify and limit: whom they are about is known by then, and a request they block
// takes nothing from a limit (settled answer 1). What is asked is looked at last.
type guards struct {
	first    []guard // where it comes from: security/http and security/bot-detector
	asks     bool    // identify asks for a key, a password or a token
	identify []guard // who calls, and whether they may
	limit    []guard // how often
	check    []guard // what is asked: validation/cel and validation/json-schema
}

// newGuards compiles what stands before e. names are its parameters, o is what its
// pipe shares with others. The error begins with the key that can't be used.
func (g *Gateway) newGuards(e *config.Endpoint, names []string, o *pipe.Options) (guards, error) {
	var all guards
	all.first = securityGuards(e.Secure, e.Bots)
	all.asks = e.APIKeys != nil || e.Basic != nil || e.Validator != nil
	if err := g.identify(e, &all); err != nil {
		return guards{}, err
	}
	all.identify = append(all.identify, g.newTokenChecks(e, names, o)...)
	limits, err := g.limits.before(e, names)
	all.limit = append(all.limit, limits...)
	all.check = g.newChecks(e, names, o)
	return all, err
}

// admit asks each of list in turn.
func admit(list []guard, w http.ResponseWriter, r *http.Request, values []string) (*http.Request, bool) {
	for _, g := range list {
		var ok bool
		if r, ok = g.Admit(w, r, values); !ok {
			return nil, false
		}
	}
	return r, true
}
