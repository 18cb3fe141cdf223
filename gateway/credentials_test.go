package gateway

import (
	"net/http"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
)

func withCredentials(tokenURL string) func(*config.Endpoint) {
	return func(e *config.Endpoint) {
		e.Backends[0].ClientCredentials = &config.ClientCredentials{ClientID: "me", ClientSecret: "s3cret", TokenURL: tokenURL, Scopes: []string{"read"}}
	}
}

func TestBackendsAreShownAToken(t *testing.T) {
	asked := make(chan string, 10)
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		// One that takes the secret in the form only (RFC 6749, 2.3.1).
		if _, _, basic := r.BasicAuth(); basic || r.FormValue("client_secret") != "s3cret" || r.FormValue("scope") != "read" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		asked <- r.URL.Path
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"tok","token_type":"Bearer","expires_in":3600}`))
	})
	elsewhere := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("away:" + r.Header.Get("Authorization")))
	})
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, elsewhere, http.StatusFound)
			return
		}
		if r.URL.Path == "/here" {
			http.Redirect(w, r, "/there", http.StatusFound)
			return
		}
		_, _ = w.Write([]byte(r.URL.Path + ":" + r.Header.Get("Authorization")))
	})
	g := serving(t, noop("GET /{x}", host, "/{x}", withCredentials(server+"/token")))
	for path, want := range map[string]string{"/x": "/x:Bearer tok", "/here": "/there:Bearer tok", "/away": "away:"} {
		if got := g.send(t, "GET "+path, ""); got.StatusCode != 200 || got.Text != want {
			t.Errorf("%s: got %d %q, want %q", path, got.StatusCode, got.Text, want)
		}
	}
	if heard(t, asked, "the token server's request"); len(asked) > 0 {
		t.Errorf("asked %d times more", len(asked))
	}
}

// A token that can't be had is the backend's failure (KrakenD v3, 1.8: 500, empty).
func TestABackendWithoutItsTokenFails(t *testing.T) {
	called := make(chan string, 1)
	host := upstream(t, func(_ http.ResponseWriter, r *http.Request) { called <- r.URL.Path })
	down := upstream(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	g := serving(t, noop("GET /stream", host, "/x", withCredentials(down)), object("GET /data", host, "/x", withCredentials(down)))
	for _, path := range []string{"/stream", "/data"} {
		got := g.send(t, "GET "+path, "")
		if got.StatusCode != 500 || got.Text != "" || got.Header.Get("X-Krakend-Completed") != "false" || len(called) > 0 {
			t.Errorf("%s: got %d %q", path, got.StatusCode, got.Text)
		}
	}
}
