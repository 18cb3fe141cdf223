package config

import "net/url"

// HTTPClient is backend/http/client: what a backend is called with instead of the
// service's transport keys (KrakenD v3, 1.6).
type HTTPClient struct {
	TLS        *ClientTLS // replaces client_tls of the service; nil: that one
	Proxy      *url.URL   // may hold a password; nil: as the environment says
	NoRedirect bool       // answers 3xx are answers
	// SendBodyOnRedirect keeps the body, for a redirect that wants it again.
	SendBodyOnRedirect bool
	// MaxResponseSize bounds a body that is decoded, in bytes, decoded; 0: the default.
	// Ours: KrakenD has no bound.
	MaxResponseSize int
}

// httpClient reads backend/http/client; nil for a nil block.
func (b *block) httpClient() *HTTPClient {
	if b == nil {
		return nil
	}
	c := &HTTPClient{
		Proxy:              b.proxyAddress(),
		NoRedirect:         b.flag("no_redirect"),
		SendBodyOnRedirect: b.flag("send_body_on_redirect"),
		MaxResponseSize:    b.number("max_response_size", mostPayload),
	}
	if o := b.object("client_tls"); o != nil {
		c.TLS = &ClientTLS{}
		o.clientTLSInto(c.TLS)
	}
	b.close(nil)
	return c
}

func (b *block) proxyAddress() *url.URL {
	text := b.text("proxy_address")
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil { // its text may hold a password
		b.problem(b.at("proxy_address"), "must be the address of a proxy, such as http://proxy.example:3128 (it can't be read)")
		return nil
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
	default:
		b.problem(b.at("proxy_address"), "must begin with http://, https:// or socks5:// (got %s)", show(u.Redacted()))
		return nil
	}
	if u.Hostname() == "" {
		b.problem(b.at("proxy_address"), "has no host name (got %s)", show(u.Redacted()))
	}
	return u
}
