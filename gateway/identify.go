package gateway

import "github.com/gatemeter/gatemeter/gateway/config"

// identify compiles what asks the callers of e who they are.
func (g *Gateway) identify(e *config.Endpoint) ([]guard, error) {
	asked, err := g.auth.Guards(e)
	var list []guard
	for _, a := range asked {
		list = append(list, a)
	}
	return list, err
}
