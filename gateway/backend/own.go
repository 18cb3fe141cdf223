package backend

import (
	"net/http"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// NewOwnTransport is NewTransport for one backend of s, with the TLS and the proxy of
// its own client; nil when it has neither, and uses the shared one.
func NewOwnTransport(s *config.Service, c *config.HTTPClient) (*Transport, error) {
	if c == nil || c.TLS == nil && c.Proxy == nil {
		return nil, nil
	}
	own := *s
	if c.TLS != nil {
		own.ClientTLS = *c.TLS
	}
	t, err := NewTransport(&own)
	if err == nil && c.Proxy != nil {
		t.general.Proxy = http.ProxyURL(c.Proxy)
	}
	return t, err
}
