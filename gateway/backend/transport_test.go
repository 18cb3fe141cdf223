package backend

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// both starts a backend twice: http1 asks the one, http.Transport the other.
func both(t *testing.T, h http.HandlerFunc) map[string]string {
	t.Helper()
	plain, secure := httptest.NewServer(h), httptest.NewTLSServer(h)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	return map[string]string{"plain": plain.URL, "TLS": secure.URL}
}

// transportOf is the transport of s, which believes every certificate.
func transportOf(t *testing.T, s config.Service) *Transport {
	t.Helper()
	s.ClientTLS.AllowInsecureConnections = true
	transport, err := NewTransport(&s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func get(transport http.RoundTripper, address string) (string, error) {
	resp, err := transport.RoundTrip(httptest.NewRequest(http.MethodGet, address, nil))
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

// KrakenD v3, 1.2: the transport keys, for plain backends and for the others. What a
// bound or a timeout does is tested where it is: in http1, and in the standard library.
func TestTransportKeysReachBothTransports(t *testing.T) {
	transport := transportOf(t, config.Service{
		MaxIdleConnections: 7, MaxIdleConnectionsPerHost: 3, IdleConnectionTimeout: time.Minute,
		ResponseHeaderTimeout: time.Second, ExpectContinueTimeout: 2 * time.Second, DisableKeepAlives: true, DisableCompression: true,
	})
	type keys struct {
		idle, perHost            int
		idleFor, headers, goesOn time.Duration
		noKeepAlive, noGzip      bool
	}
	want := keys{7, 3, time.Minute, time.Second, 2 * time.Second, true, true}
	p, g := transport.plain, transport.general
	if got := (keys{p.MaxIdleConns, p.MaxIdleConnsPerHost, p.IdleConnTimeout, p.ResponseHeaderTimeout, p.ExpectContinueTimeout, p.DisableKeepAlives, p.DisableCompression}); got != want {
		t.Errorf("plain: got %+v", got)
	}
	if got := (keys{g.MaxIdleConns, g.MaxIdleConnsPerHost, g.IdleConnTimeout, g.ResponseHeaderTimeout, g.ExpectContinueTimeout, g.DisableKeepAlives, g.DisableCompression}); got != want {
		t.Errorf("TLS: got %+v", got)
	}
	if g.TLSHandshakeTimeout != 10*time.Second {
		t.Errorf("a handshake may take %v", g.TLSHandshakeTimeout)
	}
	d := newDialer(&config.Service{DialerTimeout: time.Second, DialerFallbackDelay: 2 * time.Second, DialerKeepAlive: 3 * time.Second})
	if d.Timeout != time.Second || d.FallbackDelay != 2*time.Second || d.KeepAlive != 3*time.Second {
		t.Errorf("the dialer: got %+v", d)
	}
}

func TestBackendsThatDoNotAnswerInTimeFail(t *testing.T) {
	for name, host := range both(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }) {
		var late net.Error
		if _, err := get(transportOf(t, config.Service{ResponseHeaderTimeout: 20 * time.Millisecond}), host); !errors.As(err, &late) || !late.Timeout() {
			t.Errorf("%s: response_header_timeout: got %v", name, err)
		}
		if _, err := get(transportOf(t, config.Service{DialerTimeout: 1}), host); !errors.As(err, &late) || !late.Timeout() {
			t.Errorf("%s: dialer_timeout: got %v", name, err)
		}
	}
}

func TestKeepAlivesAndCompressionAreTurnedOff(t *testing.T) {
	for name, host := range both(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.RemoteAddr+" "+r.Header.Get("Connection")+" "+r.Header.Get("Accept-Encoding"))
	}) {
		for _, c := range []struct {
			service config.Service
			peers   int
			told    string
		}{
			{config.Service{MaxIdleConnectionsPerHost: 250}, 1, "  gzip"},
			{config.Service{DisableKeepAlives: true}, 3, " close gzip"},
			{config.Service{DisableCompression: true, MaxIdleConnectionsPerHost: 250}, 1, "  "},
		} {
			transport := transportOf(t, c.service)
			peers, told := map[string]bool{}, ""
			for range 3 {
				text, err := get(transport, host)
				if err != nil {
					t.Fatal(err)
				}
				peer, rest := text[:len(text)-len(c.told)], text[len(text)-len(c.told):]
				peers[peer], told = true, rest
			}
			if len(peers) != c.peers || told != c.told {
				t.Errorf("%s, %+v: %d connections, which say %q", name, c.service, len(peers), told)
			}
		}
	}
}

// TestProxiesAndTLSAreReached: what http1 does not do.
func TestProxiesAndTLSAreReached(t *testing.T) {
	hosts := both(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RequestURI) })
	proxy, err := url.Parse(hosts["plain"])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		url, want string
		proxy     *url.URL
	}{
		{hosts["plain"] + "/plain", "/plain", nil},
		{hosts["TLS"] + "/tls", "/tls", nil},
		{"http://elsewhere/proxied", "http://elsewhere/proxied", proxy},
	} {
		transport := transportOf(t, config.Service{})
		transport.general.Proxy = http.ProxyURL(c.proxy)
		if text, err := get(transport, c.url); err != nil || text != c.want {
			t.Errorf("%s: got %q, %v", c.url, text, err)
		}
	}
}

// KrakenD v3, 1.2: HTTP_PROXY and its relatives are honoured. And ca_certs stand beside
// the certificates of the system unless disable_system_ca_pool (1.9). Both are read once
// in a process, so this test runs itself in another.
func TestTheEnvironmentHasProxiesAndCertificates(t *testing.T) {
	const secret = "GATEMETER_TEST_BACKEND" // the address of a backend with TLS
	if backend := os.Getenv(secret); backend != "" {
		inThatEnvironment(t, backend)
		return
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RequestURI) }))
	defer proxy.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "secure") }))
	defer secure.Close()
	file := filepath.Join(t.TempDir(), "system.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	self := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$")
	self.Env = append(os.Environ(), secret+"="+secure.URL, "HTTP_PROXY="+proxy.URL, "http_proxy=", "HTTPS_PROXY="+proxy.URL, "https_proxy=",
		"NO_PROXY=direct.example", "no_proxy=", "SSL_CERT_FILE="+file, "SSL_CERT_DIR="+t.TempDir())
	if out, err := self.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func inThatEnvironment(t *testing.T, backend string) {
	transport := transportOf(t, config.Service{})
	if text, err := get(transport, "http://elsewhere.example/x?a=1"); err != nil || text != "http://elsewhere.example/x?a=1" {
		t.Errorf("HTTP_PROXY: got %q, %v", text, err)
	}
	for address, proxied := range map[string]bool{"https://elsewhere.example/": true, "https://direct.example/": false, "http://direct.example/": false} {
		if proxy, err := transport.general.Proxy(httptest.NewRequest(http.MethodGet, address, nil)); err != nil || (proxy != nil) != proxied {
			t.Errorf("%s: the proxy is %v, %v", address, proxy, err)
		}
	}
	own := os.Getenv("SSL_CERT_FILE")
	for _, c := range []struct {
		tls    config.ClientTLS
		trusts bool
	}{
		{config.ClientTLS{}, true},
		{config.ClientTLS{DisableSystemCAPool: true}, false},
		{config.ClientTLS{DisableSystemCAPool: true, CACerts: []string{own}}, true},
	} {
		s := &config.Service{ClientTLS: c.tls}
		transport, err := NewTransport(s)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := get(transport, backend); (err == nil && text == "secure") != c.trusts {
			t.Errorf("%+v: got %q, %v", c.tls, text, err)
		}
		transport.CloseIdleConnections()
	}
	with, err := CertPool(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if without, err := CertPool(nil, true); err != nil || with.Equal(without) {
		t.Errorf("the system's certificates make no difference: %v", err)
	}
}
