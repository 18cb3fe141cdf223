package gateway

import (
	"crypto/tls"
	"fmt"
	"slices"

	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/gateway/config"
)

// serverTLS builds what tls asks for; TLS 1.3 alone by default (KrakenD v3, 1.9).
func serverTLS(t *config.TLS) (*tls.Config, error) {
	if len(t.Keys) == 0 {
		return nil, fmt.Errorf("tls.keys: name at least one public_key and private_key")
	}
	c := &tls.Config{
		MinVersion:       config.TLSVersion(t.MinVersion, tls.VersionTLS13),
		MaxVersion:       config.TLSVersion(t.MaxVersion, tls.VersionTLS13),
		CipherSuites:     t.Ciphers,
		CurvePreferences: t.Curves,
		NextProtos:       []string{"h2", "http/1.1"},
	}
	if !suitHTTP2(t.Ciphers) {
		c.NextProtos = c.NextProtos[1:]
	}
	for i, k := range t.Keys {
		pair, err := tls.LoadX509KeyPair(k.PublicKey, k.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("tls.keys[%d]: %w", i, err)
		}
		c.Certificates = append(c.Certificates, pair)
	}
	if !t.EnableMTLS {
		return c, nil
	}
	pool, err := backend.CertPool(t.CACerts, t.DisableSystemCAPool)
	if err != nil {
		return nil, fmt.Errorf("tls.ca_certs: %w", err)
	}
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, pool
	return c, nil
}

// suitHTTP2 reports whether HTTP/2 can be spoken with these ciphers, which must have
// one that it requires (RFC 9113, 9.2.2). Without, clients get HTTP/1.1; KrakenD does not
// start.
func suitHTTP2(ciphers []uint16) bool {
	return ciphers == nil || slices.Contains(ciphers, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256) ||
		slices.Contains(ciphers, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
}

// newestTLS lets handshakes follow the newest gateway, so that certificates can be
// renewed. Which protocols there are is the server's, who began with the first.
func (g *Gateway) newestTLS(*tls.ClientHelloInfo) (*tls.Config, error) {
	newest := g.live.newest.Load().tls
	if newest == nil || slices.Contains(g.tls.NextProtos, "h2") || !slices.Contains(newest.NextProtos, "h2") {
		return newest, nil // nil: as the first one
	}
	newest = newest.Clone()
	newest.NextProtos = g.tls.NextProtos
	return newest, nil
}
