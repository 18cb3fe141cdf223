package gateway

import (
	"net/http"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// guard stands before an endpoint's pipe. It lets a request go on, as it is or as
// the one it returns, or answers it itself and returns false; then it says why to
// the exchange (moesif.From, Refuse). values are the endpoint's parameters, decoded,
// in the pattern's order. It is safe for concurrent use.
type guard interface {
	Admit(w http.ResponseWriter, r *http.Request, values []string) (*http.Request, bool)
}

// guards are those of one endpoint in the order in which requests meet them. Rules
// are asked between the two: whom they are about is known by then, and a request
// they block takes nothing from a limit (settled answer 1).
type guards struct {
	identify []guard // who calls, and whether they may
	limit    []guard // how often
}

// newGuards compiles what stands before e. names are its parameters. The error
// begins with the key that can't be used.
func (g *Gateway) newGuards(e *config.Endpoint, names []string) (guards, error) {
	var all guards
	all.identify = append(all.identify, securityGuards(e.Secure, e.Bots)...)
	return all, nil
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
