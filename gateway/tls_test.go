package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// certificate writes one that signs itself, for 127.0.0.1, and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &secret.PublicKey, secret)
	if err != nil {
		t.Fatal(err)
	}
	secretDER, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, content []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secretDER)
}

// TestTLSOnBothSides: a gateway with TLS and client certificates in front of another
// gateway with TLS, whose certificate it knows from client_tls.
func TestTLSOnBothSides(t *testing.T) {
	cert, key := certificate(t)
	keys := []config.KeyPair{{PublicKey: cert, PrivateKey: key}}
	inner := serviceOf(noop("GET /a", upstream(t, echoURI), "/inner"))
	inner.TLS = &config.TLS{Keys: keys}
	back := run(t, inner)

	outer := serviceOf(noop("GET /a", "https://"+back.Addr(), "/a"))
	outer.TLS = &config.TLS{Keys: keys, MinVersion: "TLS12", EnableMTLS: true, CACerts: []string{cert}, DisableSystemCAPool: true}
	outer.ClientTLS.CACerts = []string{cert}
	g := run(t, outer)

	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(pair.Leaf)
	get := func(c *tls.Config) (string, error) {
		transport := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport}).Get("https://" + g.Addr() + "/a")
		if err != nil {
			return "", err
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		return resp.Proto + " " + string(text), err
	}
	if got, err := get(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}); err != nil || got != "HTTP/2.0 /inner" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := get(&tls.Config{RootCAs: pool}); err == nil {
		t.Error("a client without a certificate got in")
	}
	if got, err := get(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, MaxVersion: tls.VersionTLS12}); err != nil || got != "HTTP/2.0 /inner" {
		t.Errorf("TLS 1.2, which min_version allows: got %q, %v", got, err)
	}
	if _, err := (&tls.Dialer{Config: &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS12}}).DialContext(t.Context(), "tcp", back.Addr()); err == nil {
		t.Error("TLS 1.2 got in where nothing allows it")
	}
}

func TestUnreadableCertificatesAreRefused(t *testing.T) {
	s := &config.Service{TLS: &config.TLS{Keys: []config.KeyPair{{PublicKey: "/none.pem", PrivateKey: "/none.key"}}}}
	if _, err := New(s, Options{}); err == nil || !strings.HasPrefix(err.Error(), "tls.keys[0]: open /none.pem") {
		t.Errorf("got %v", err)
	}
}

func TestClearTextHTTP2IsServedWhereAsked(t *testing.T) {
	s := serviceOf(noop("GET /a", upstream(t, echoURI), "/x"))
	s.UseH2C = true
	g := run(t, s)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(g.URL + "/a")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.ProtoMajor != 2 || string(text) != "/x" {
		t.Errorf("got %s %q, %v", resp.Proto, text, err)
	}
	if got := g.send(t, "GET /a", ""); got.Text != "/x" {
		t.Errorf("HTTP/1.1 beside it: got %q", got.Text)
	}
}

// KrakenD v3, 1.9: versions, ciphers and curves of tls. Beyond it, Go's curves are
// offered by default, among which are KrakenD's P-521, P-384 and P-256; and ciphers
// that HTTP/2 can't be spoken with leave HTTP/1.1, where KrakenD does not start.
func TestClientsSpeakWhatTLSAllows(t *testing.T) {
	cert, key := certificate(t)
	keys := []config.KeyPair{{PublicKey: cert, PrivateKey: key}}
	host := upstream(t, echoURI)
	const gcm, cbc = tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA
	upTo := func(version uint16) *tls.Config {
		return &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: version}
	}
	for _, c := range []struct {
		name    string
		server  config.TLS
		client  *tls.Config
		version uint16 // 0: refused
		cipher  uint16 // 0: whichever
		proto   string
	}{
		{"TLS 1.3 by default", config.TLS{}, &tls.Config{}, tls.VersionTLS13, 0, "HTTP/2.0"},
		{"nothing else by default", config.TLS{}, upTo(tls.VersionTLS12), 0, 0, ""},
		{"an older version that is allowed", config.TLS{MinVersion: "TLS10", MaxVersion: "TLS13"}, upTo(tls.VersionTLS11), tls.VersionTLS11, 0, "HTTP/1.1"},
		{"the newest that is allowed", config.TLS{MinVersion: "TLS10", MaxVersion: "TLS12"}, &tls.Config{}, tls.VersionTLS12, 0, "HTTP/2.0"},
		{"a cipher", config.TLS{MinVersion: "TLS12", Ciphers: []uint16{gcm}}, upTo(tls.VersionTLS12), tls.VersionTLS12, gcm, "HTTP/2.0"},
		{"a cipher that HTTP/2 does not know", config.TLS{MinVersion: "TLS12", Ciphers: []uint16{cbc}}, upTo(tls.VersionTLS12), tls.VersionTLS12, cbc, "HTTP/1.1"},
		{"no cipher in common", config.TLS{MinVersion: "TLS12", Ciphers: []uint16{cbc}},
			&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{gcm}}, 0, 0, ""},
		{"a curve", config.TLS{Curves: []tls.CurveID{tls.CurveP521}}, &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP521}}, tls.VersionTLS13, 0, "HTTP/2.0"},
		{"no curve in common", config.TLS{Curves: []tls.CurveID{tls.CurveP521}}, &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP256}}, 0, 0, ""},
		{"KrakenD's curves by default", config.TLS{}, &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP521}}, tls.VersionTLS13, 0, "HTTP/2.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serviceOf(noop("GET /a", host, "/x"))
			c.server.Keys, s.TLS = keys, &c.server
			g := run(t, s)
			c.client.InsecureSkipVerify = true
			transport := &http.Transport{TLSClientConfig: c.client, ForceAttemptHTTP2: c.client.MaxVersion != tls.VersionTLS11} // HTTP/2 wants TLS 1.2
			defer transport.CloseIdleConnections()
			resp, err := (&http.Client{Transport: transport}).Get("https://" + g.Addr() + "/a")
			if err != nil {
				if c.version != 0 {
					t.Error(err)
				}
				return
			}
			defer func() { _ = resp.Body.Close() }()
			text, err := io.ReadAll(resp.Body)
			if err != nil || string(text) != "/x" || resp.TLS.Version != c.version || resp.Proto != c.proto || c.cipher != 0 && resp.TLS.CipherSuite != c.cipher {
				t.Errorf("got %s %q, %s with %s, %v", resp.Proto, text, tls.VersionName(resp.TLS.Version), tls.CipherSuiteName(resp.TLS.CipherSuite), err)
			}
		})
	}
}

// KrakenD v3, 1.9: no plain HTTP where there is TLS, and no redirect to it; and with
// enable_mtls nobody gets in whose certificate is not of ca_certs.
func TestWithTLSNothingElseIsServed(t *testing.T) {
	cert, key := certificate(t)
	s := serviceOf(noop("GET /a", upstream(t, echoURI), "/x"))
	s.TLS = &config.TLS{Keys: []config.KeyPair{{PublicKey: cert, PrivateKey: key}}, EnableMTLS: true, CACerts: []string{cert}}
	g := run(t, s)
	if got := g.send(t, "GET /a", ""); got.StatusCode != 400 || got.Header.Get("Location") != "" {
		t.Errorf("plain HTTP: got %d %q", got.StatusCode, got.Text)
	}
	stranger, err := tls.LoadX509KeyPair(certificate(t))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{stranger}}}
	defer transport.CloseIdleConnections()
	if resp, err := (&http.Client{Transport: transport}).Get("https://" + g.Addr() + "/a"); err == nil {
		_ = resp.Body.Close()
		t.Error("a certificate of somebody else's got in")
	}
}

// client_tls, of the service and of one backend, towards a backend that wants TLS 1.2
// with one curve, and a certificate.
func TestBackendsAreSpokenToAsClientTLSSays(t *testing.T) {
	cert, key := certificate(t)
	keys := []config.KeyPair{{PublicKey: cert, PrivateKey: key}}
	const gcm, cbc = tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA
	inner := serviceOf(noop("GET /a", upstream(t, echoURI), "/x"))
	inner.TLS = &config.TLS{Keys: keys, MinVersion: "TLS12", MaxVersion: "TLS12", Ciphers: []uint16{gcm}, Curves: []tls.CurveID{tls.CurveP384}, EnableMTLS: true, CACerts: []string{cert}}
	back := "https://" + run(t, inner).Addr()
	for _, c := range []struct {
		name   string
		client config.ClientTLS
		status int
	}{
		{"the certificate is known", config.ClientTLS{CACerts: []string{cert}, Certs: keys}, 200},
		{"anybody is believed", config.ClientTLS{AllowInsecureConnections: true, Certs: keys}, 200},
		{"nobody knows the certificate", config.ClientTLS{Certs: keys}, 500},
		{"no client certificate", config.ClientTLS{CACerts: []string{cert}}, 500},
		{"a newer version", config.ClientTLS{CACerts: []string{cert}, Certs: keys, MinVersion: "TLS13"}, 500},
		{"an older version", config.ClientTLS{CACerts: []string{cert}, Certs: keys, MinVersion: "TLS10", MaxVersion: "TLS11"}, 500},
		{"the right version", config.ClientTLS{CACerts: []string{cert}, Certs: keys, MinVersion: "TLS12", MaxVersion: "TLS12"}, 200},
		{"the cipher", config.ClientTLS{CACerts: []string{cert}, Certs: keys, Ciphers: []uint16{cbc, gcm}}, 200},
		{"another cipher", config.ClientTLS{CACerts: []string{cert}, Certs: keys, Ciphers: []uint16{cbc}}, 500},
		{"the curve", config.ClientTLS{CACerts: []string{cert}, Certs: keys, Curves: []tls.CurveID{tls.CurveP384}}, 200},
		{"another curve", config.ClientTLS{CACerts: []string{cert}, Certs: keys, Curves: []tls.CurveID{tls.CurveP256}}, 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			own := func(e *config.Endpoint) { e.Backends[0].Client = &config.HTTPClient{TLS: &c.client} }
			all := serviceOf(noop("GET /a", back, "/a"))
			all.ClientTLS = c.client
			for _, s := range []*config.Service{all, serviceOf(noop("GET /a", back, "/a", own))} {
				if got := run(t, s).send(t, "GET /a", ""); got.StatusCode != c.status {
					t.Errorf("got %d %s, want %d", got.StatusCode, got.Text, c.status)
				}
			}
		})
	}
}

// Ciphers follow a reload, and the protocols stay those that the server began with: a
// client is never promised HTTP/2 by a server that does not speak it.
func TestProtocolsOutliveAReloadOfTheCiphers(t *testing.T) {
	cert, key := certificate(t)
	host := upstream(t, echoURI)
	service := func(ciphers ...uint16) *config.Service {
		s := serviceOf(noop("GET /a", host, "/x"))
		s.TLS = &config.TLS{Keys: []config.KeyPair{{PublicKey: cert, PrivateKey: key}}, MinVersion: "TLS12", Ciphers: ciphers}
		return s
	}
	g := run(t, service(tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA))
	if err := g.reload(t, service()); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("https://" + g.Addr() + "/a")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "/x" || resp.Proto != "HTTP/1.1" || resp.TLS.Version != tls.VersionTLS13 {
		t.Errorf("got %s %q, %v", resp.Proto, text, err)
	}
}
