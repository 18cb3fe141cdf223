package gateway

import (
	"slices"

	"github.com/gatemeter/gatemeter/gateway/auth"
	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// identify adds to list what asks the callers of e who they are.
func (g *Gateway) identify(e *config.Endpoint, list *guards) error {
	asked, err := g.auth.Guards(e)
	for _, a := range asked.Identify {
		list.identify = append(list.identify, a)
	}
	for _, a := range asked.Limit {
		list.limit = append(list.limit, a)
	}
	return err
}

// masked is c with the headers of s that hold tokens and keys among those that are
// masked, unless the operator wants none to be by default.
func masked(c moesif.Config, s *config.Service) moesif.Config {
	if c.DefaultMasks {
		c.RequestHeaderMasks = slices.Concat(c.RequestHeaderMasks, auth.SecretHeaders(s))
	}
	return c
}
