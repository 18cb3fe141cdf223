// Package backend makes one call to one backend: host, address, transport,
// redirects, status and decoding (KrakenD v3, 1.4 to 1.7).
package backend

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/gatemeter/gatemeter/gateway/backend/http1"
	"github.com/gatemeter/gatemeter/gateway/config"
)

// Transport reaches every backend of a service. It is safe for concurrent use.
type Transport struct {
	plain   *http1.Transport // http:// without a proxy
	general *http.Transport  // all else
}

// maxHeader bounds, in bytes, the headers of an answer, as http1 does: 1 MiB.
const maxHeader = 1 << 20

// NewTransport builds the one transport that every backend of s shares, from the
// transport keys of the service (KrakenD v3, 1.2); max_idle_connections bounds those
// with TLS, or a proxy, and the plain ones each. The error names the key of a file
// that can't be read.
func NewTransport(s *config.Service) (*Transport, error) {
	clientTLS, err := TLSConfig(&s.ClientTLS)
	if err != nil {
		return nil, fmt.Errorf("client_tls.%w", err)
	}
	dialer := newDialer(s)
	return &Transport{
		plain: &http1.Transport{
			DialContext:           dialer.DialContext,
			MaxIdleConns:          s.MaxIdleConnections,
			MaxIdleConnsPerHost:   s.MaxIdleConnectionsPerHost,
			IdleConnTimeout:       s.IdleConnectionTimeout,
			ResponseHeaderTimeout: s.ResponseHeaderTimeout,
			ExpectContinueTimeout: s.ExpectContinueTimeout,
			DisableKeepAlives:     s.DisableKeepAlives,
			DisableCompression:    s.DisableCompression,
		},
		general: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           dialer.DialContext,
			TLSClientConfig:       clientTLS,
			TLSHandshakeTimeout:   10 * time.Second,
			ForceAttemptHTTP2:     true,
			MaxIdleConns:          s.MaxIdleConnections,
			MaxIdleConnsPerHost:   s.MaxIdleConnectionsPerHost,
			IdleConnTimeout:       s.IdleConnectionTimeout,
			ResponseHeaderTimeout: s.ResponseHeaderTimeout,
			ExpectContinueTimeout: s.ExpectContinueTimeout,
			DisableKeepAlives:     s.DisableKeepAlives,
			DisableCompression:    s.DisableCompression,

			MaxResponseHeaderBytes: maxHeader,
		},
	}, nil
}

func newDialer(s *config.Service) *net.Dialer {
	return &net.Dialer{Timeout: s.DialerTimeout, FallbackDelay: s.DialerFallbackDelay, KeepAlive: s.DialerKeepAlive}
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if http1.Suits(r) {
		if proxy, err := t.general.Proxy(r); proxy == nil && err == nil {
			return t.plain.RoundTrip(r)
		}
	}
	if r.Body != nil && r.Body != http.NoBody {
		// It waits for who reads the body even when the context has ended.
		stop := context.AfterFunc(r.Context(), func() { _ = r.Body.Close() }) // whose end is not our business
		defer stop()
	}
	resp, err := t.general.RoundTrip(r)
	if ended := context.Cause(r.Context()); ended != nil && err == nil {
		// The server may have answered to the end of the connection.
		_ = resp.Body.Close() // nothing can be done about it
		return nil, ended
	}
	return resp, err
}

// CloseIdleConnections closes what no request uses.
func (t *Transport) CloseIdleConnections() {
	t.plain.CloseIdleConnections()
	t.general.CloseIdleConnections()
}

var _ http.RoundTripper = (*Transport)(nil)

// TLSConfig is c for a client. The error names the key of a file that can't be read.
func TLSConfig(c *config.ClientTLS) (*tls.Config, error) {
	t := &tls.Config{
		MinVersion:       config.TLSVersion(c.MinVersion, tls.VersionTLS12),
		MaxVersion:       config.TLSVersion(c.MaxVersion, tls.VersionTLS13),
		CipherSuites:     c.Ciphers,
		CurvePreferences: c.Curves,
		// The operator's own word, in allow_insecure_connections.
		InsecureSkipVerify: c.AllowInsecureConnections,
	}
	for i, pair := range c.Certs {
		cert, err := tls.LoadX509KeyPair(pair.PublicKey, pair.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("client_tls.client_certs[%d]: %w", i, err)
		}
		t.Certificates = append(t.Certificates, cert)
	}
	if len(c.CACerts) == 0 && !c.DisableSystemCAPool {
		return t, nil
	}
	pool, err := CertPool(c.CACerts, c.DisableSystemCAPool)
	if err != nil {
		return nil, fmt.Errorf("ca_certs: %w", err)
	}
	t.RootCAs = pool
	return t, nil
}

// CertPool holds the certificates of files, beside the system's unless withoutSystem.
func CertPool(files []string, withoutSystem bool) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !withoutSystem {
		system, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("the system's certificates: %w", err)
		}
		pool = system
	}
	for _, file := range files {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no PEM certificate in it", file)
		}
	}
	return pool, nil
}
