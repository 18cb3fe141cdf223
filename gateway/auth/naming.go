package auth

import (
	"net/http"
	"slices"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// naming says when a guard tells the exchange whom it has let through.
//
// The first header of user_id_headers that is present names the user, whatever else
// is known: that is the operator's choice (product.md A, settled answer 3), and SetUser
// would overrule it. So a guard names its user only where the header that it has read
// is that first one, or none of them is present. Then the id is what the headers would
// have given, but verified (Basic), or it takes the place of a secret (an API key is no
// id that may leave the house). Where the endpoint validates tokens as well, these
// identify.
type naming struct {
	headers []string // user_id_headers, canonical
	own     string   // the header that the guard reads; "" for none
	never   bool
}

// naming is that of a guard which reads header, "" for none.
func (k *Keeper) naming(e *config.Endpoint, header string) naming {
	return naming{headers: k.userHeaders, own: header, never: e.Validator != nil}
}

func (n *naming) set(x *moesif.Exchange, r *http.Request, user string) {
	if x == nil || n.never {
		return
	}
	first := slices.IndexFunc(n.headers, func(name string) bool { return len(r.Header[name]) > 0 })
	if first < 0 || n.headers[first] == n.own {
		x.SetUser(user)
	}
}

// SecretHeaders are the headers of s in which tokens and keys stand.
func SecretHeaders(s *config.Service) []string {
	var list []string
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		if e.Validator != nil {
			list = append(list, e.Validator.HeaderName)
		}
		if e.APIKeys != nil && !e.APIKeys.InQuery {
			list = append(list, e.APIKeys.Identifier)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
