package gateway

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// client is a no-op POST endpoint whose backend has a client block.
func client(t *testing.T, host, block string) *running {
	t.Helper()
	return runFile(t, host, `{"version": 3, "host": ["HOST"], "timeout": "10s", "endpoints": [{"endpoint": "/a", "method": "POST", "output_encoding": "no-op",
		"backend": [{"url_pattern": "/b", "extra_config": {"backend/http/client": `+block+`}}]}]}`)
}

func TestRedirectsOfABackendAreFollowedAsItsClientSays(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/b" {
			status := http.StatusTemporaryRedirect
			if string(body) == "see" {
				status = http.StatusSeeOther
			}
			w.Header().Set("Location", "/c")
			w.WriteHeader(status)
			return
		}
		_, _ = io.WriteString(w, r.Method+" "+string(body))
	})
	for _, c := range []struct {
		block, body string
		status      int
		text        string
	}{
		{`{}`, "see", 200, "GET "},
		{`{}`, "again", 307, ""},
		{`{}`, "", 200, "POST "},
		{`{"no_redirect": true}`, "see", 303, ""},
		{`{"no_redirect": true}`, "", 307, ""},
		{`{"send_body_on_redirect": true}`, "see", 200, "GET "},
		{`{"send_body_on_redirect": true}`, "again", 200, "POST again"},
		{`{"send_body_on_redirect": true}`, "", 200, "POST "},
		{`{"send_body_on_redirect": true}`, strings.Repeat("x", 11<<20), 307, ""}, // more than is kept
	} {
		got := client(t, host, c.block).send(t, "POST /a", c.body)
		if got.StatusCode != c.status || got.Text != c.text {
			t.Errorf("%s %.9s: got %d %q", c.block, c.body, got.StatusCode, got.Text)
		}
	}
}

func TestAModifiedBodyIsWhatARedirectGetsAgain(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/b" {
			http.Redirect(w, r, "/c", http.StatusPermanentRedirect)
			return
		}
		_, _ = w.Write(body)
	})
	for block, want := range map[string]string{"true": "hello", "false": ""} {
		g := runFile(t, host, `{"version": 3, "host": ["HOST"], "timeout": "10s", "endpoints": [{"endpoint": "/a", "method": "POST", "output_encoding": "no-op",
			"backend": [{"url_pattern": "/b", "extra_config": {"backend/http/client": {"send_body_on_redirect": `+block+`}, "modifier/martian": {"body.Modifier": {"scope": ["request"], "body": "aGVsbG8="}}}}]}]}`)
		if got := g.send(t, "POST /a", "sent, and longer"); got.Text != want {
			t.Errorf("%s: got %d %q", block, got.StatusCode, got.Text)
		}
	}
}

func TestABackendIsReachedThroughItsProxy(t *testing.T) {
	proxy := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.RequestURI+" "+r.Header.Get("Proxy-Authorization"))
	})
	got := client(t, "http://backend.invalid", `{"proxy_address": "`+strings.Replace(proxy, "http://", "http://ann:secret@", 1)+`"}`).send(t, "POST /a", "")
	if got.Text != "http://backend.invalid/b Basic YW5uOnNlY3JldA==" {
		t.Errorf("got %d %q", got.StatusCode, got.Text)
	}
}

// The backend's block stands in place of the service's client_tls.
func TestABackendHasItsOwnTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("client ", len(r.TLS.PeerCertificates))+"ok")
	}))
	s.TLS.ClientAuth = 1 // asks for a certificate, and takes any
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	cert, key := certificate(t)
	for block, want := range map[string]string{
		`{}`:                 "",
		`{"client_tls": {}}`: "",
		`{"client_tls": {"allow_insecure_connections": true}}`: "ok",
		`{"client_tls": {"ca_certs": ["` + ca + `"], "disable_system_ca_pool": true, "client_certs": [{"certificate": "` + cert + `", "private_key": "` + key + `"}]}}`: "client ok",
	} {
		if got := client(t, s.URL, block).send(t, "POST /a", ""); got.Text != want || want == "" && got.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s: got %d %q", block, got.StatusCode, got.Text)
		}
	}
}

func TestAClientsFilesMustBeReadable(t *testing.T) {
	s := serviceOf(noop("GET /a", "http://b", "/"))
	s.Endpoints[0].Backends[0].Client = &config.HTTPClient{TLS: &config.ClientTLS{CACerts: []string{"/none.pem"}}}
	if _, err := New(s, Options{}); err == nil || !strings.HasPrefix(err.Error(), "endpoints[0].backend[0].extra_config.backend/http/client.client_tls.ca_certs: open /none.pem") {
		t.Errorf("got %v", err)
	}
}
