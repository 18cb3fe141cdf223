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
