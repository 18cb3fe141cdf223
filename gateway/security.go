package gateway

import (
	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/security"
)

// securityGuards are security/http and security/bot-detector, in KrakenD's order
// (KrakenD v3, 2.1). A block that is not there is nil and costs nothing.
func securityGuards(headers *config.SecureHeaders, bots *config.Bots) []guard {
	var list []guard
	if headers != nil {
		list = append(list, security.NewHeaders(headers))
	}
	if bots != nil {
		list = append(list, security.NewBots(bots))
	}
	return list
}

var (
	_ guard = (*security.Headers)(nil)
	_ guard = (*security.Bots)(nil)
)
