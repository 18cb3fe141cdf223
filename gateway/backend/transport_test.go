package backend

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// TestProxiesAndTLSAreReached: what http1 does not do.
func TestProxiesAndTLSAreReached(t *testing.T) {
	tell := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RequestURI) })
	server, secure := httptest.NewServer(tell), httptest.NewTLSServer(tell)
	defer server.Close()
	defer secure.Close()
	proxy, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		url, want string
		proxy     *url.URL
	}{
		{server.URL + "/plain", "/plain", nil},
		{secure.URL + "/tls", "/tls", nil},
		{"http://elsewhere/proxied", "http://elsewhere/proxied", proxy},
	} {
		transport, err := NewTransport(&config.Service{ClientTLS: config.ClientTLS{AllowInsecureConnections: true}})
		if err != nil {
			t.Fatal(err)
		}
		defer transport.CloseIdleConnections()
		transport.general.Proxy = http.ProxyURL(c.proxy)
		req := httptest.NewRequest(http.MethodGet, c.url, nil)
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(text) != c.want {
			t.Errorf("%s: got %q, %v", c.url, text, err)
		}
	}
}
