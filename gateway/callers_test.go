package gateway

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// saltedOne is the SHA-256 of "s" and "one".
const saltedOne = "1a29dff3507397e37ea980e499ba55dc21088e0e18a40478133760fabe4dc0fb"

func keyed(access config.KeyAccess) func(*config.Endpoint) {
	return func(e *config.Endpoint) { e.APIKeys = &access }
}

func basicAuth(name, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

// TestKeysAndPasswordsIdentify: the operator's first header that is present names the
// user; what a guard knows takes its place only where it is that header, or where there
// is none.
func TestKeysAndPasswordsIdentify(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	user := []string{"user"}
	password := func(e *config.Endpoint) { e.Basic = &config.Basic{Users: map[string]string{"ann": string(hash)}} }
	const key = "key-1f42f67a13f3e2b0"
	for _, tt := range []struct {
		name        string
		userHeaders string // user_id_headers
		change      func(*config.Endpoint)
		target      string
		headers     []string
		status      int
		user, meta  string // identity and refused
	}{
		{"password", "Authorization", password, "/a", []string{basicAuth("ann", "secret")}, 200, "ann", "verified "},
		{"wrong password", "Authorization", password, "/a", []string{basicAuth("ann", "guess")}, 401, "", "none unauthenticated"},
		{"password beside the operator's header", "X-Tenant Authorization", password, "/a", []string{basicAuth("ann", "secret"), "X-Tenant: acme"}, 200, "acme", "claimed "},
		{"password without it", "X-Tenant", password, "/a", []string{basicAuth("ann", "secret")}, 200, "ann", "verified "},
		{"key", "Authorization", keyed(config.KeyAccess{Roles: user, Identifier: "Authorization"}), "/a", []string{"Authorization: Bearer one"}, 200, key, "verified "},
		{"key that would be the id", "X-Secret-Door", keyed(config.KeyAccess{Roles: user, Identifier: "X-Secret-Door"}), "/a", []string{"X-Secret-Door: one"}, 200, key, "verified "},
		{"key in the query", "X-Tenant", keyed(config.KeyAccess{Roles: user, InQuery: true, Identifier: "key"}), "/a?key=one", nil, 200, key, "verified "},
		{"key beside the operator's header", "X-Tenant", keyed(config.KeyAccess{Roles: user, InQuery: true, Identifier: "key"}), "/a?key=one", []string{"X-Tenant: acme"}, 200, "acme", "claimed "},
		{"key without the role", "X-Tenant", keyed(config.KeyAccess{Roles: []string{"admin"}, Identifier: "X-Key"}), "/a", []string{"X-Key: one"}, 403, key, "verified forbidden"},
		{"wrong key", "X-Tenant", keyed(config.KeyAccess{Roles: user, Identifier: "X-Key"}), "/a", []string{"X-Key: 1", "X-Tenant: acme"}, 401, "", "none unauthenticated"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCollector(t)
			s := serviceOf(noop("GET /a", upstream(t, echoURI), "/x", tt.change))
			s.APIKeys = &config.APIKeys{Hash: "plain", Keys: []config.APIKey{{Key: "one", Roles: user}}}
			s.Moesif = c.config()
			s.Moesif.UserIDHeaders, s.Moesif.DefaultMasks = strings.Fields(tt.userHeaders), true
			g := run(t, s)
			got := g.send(t, "GET "+tt.target, "", tt.headers...)
			if tt.status != 200 {
				refusal(t, tt.name, got, tt.status)
			} else if got.StatusCode != 200 || got.Text != "/x" {
				t.Errorf("got %d %s", got.StatusCode, got.Text)
			}
			e := heard(t, c.events, "the event")
			if m := e.Metadata.Gatemeter; e.UserID != tt.user || m.Identity+" "+m.Refused != tt.meta {
				t.Errorf("reported as %+v", e)
			}
			if text := string(e.Request.Headers) + e.Request.URI; strings.Contains(text, `"one"`) || strings.Contains(text, "Bearer one") || strings.Contains(text, "=one") {
				t.Errorf("the event tells the key: %s", text)
			}
		})
	}
}

// A rule's block takes nothing from a key's rate (settled answer 1).
func TestKeyRatesCountBehindTheRules(t *testing.T) {
	s := serviceOf(noop("GET /{x}", upstream(t, echoURI), "/", keyed(config.KeyAccess{Roles: []string{"user"}, Identifier: "X-Key", ClientMaxRate: 0.001})))
	s.APIKeys = &config.APIKeys{Hash: "plain", Keys: []config.APIKey{{Key: "one", Roles: []string{"user"}}}}
	g, c := governing(t, s, `[{"_id":"b","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"request.route","value":"^/blocked"}]}],"response":{"status":451}}]`)
	for _, want := range []struct {
		path, refused string
		status        int
	}{{"/blocked", "blocked", 451}, {"/a", "", 200}, {"/a", "rate_limited", 429}} {
		got := g.send(t, "GET "+want.path, "", "X-Key: one")
		if want.status == 429 {
			refusal(t, want.path, got, want.status)
		}
		if e := heard(t, c.events, "an event"); got.StatusCode != want.status || e.Metadata.Gatemeter.Refused != want.refused {
			t.Errorf("%s: got %d, reported as %+v", want.path, got.StatusCode, e)
		}
	}
}

func TestKeysAndPasswordsRunFromAFile(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan http.Header, 10)
	host := upstream(t, func(_ http.ResponseWriter, r *http.Request) { asked <- r.Header })
	quoted := func(s string) string { text, _ := json.Marshal(s); return string(text) }
	s, err := config.Parse("krakend.json", []byte(`{"version":3,"host":[`+quoted(host)+`],
		"extra_config":{"auth/api-keys":{"hash":"sha256","salt":"s","propagate_role":"x-role","keys":[
			{"key":"3a687b8e5da2b44bbc3ccbbc24b4a3d5c6b8dc2dfc5d83ea9b2aa0a0a2e4cb5d","roles":["user"]},
			{"key":"`+saltedOne+`","roles":["admin"]}]}},
		"endpoints":[
			{"endpoint":"/key","output_encoding":"no-op","input_headers":["x-role"],"backend":[{"url_pattern":"/"}],"extra_config":{"auth/api-keys":{"roles":["admin"]}}},
			{"endpoint":"/basic","output_encoding":"no-op","backend":[{"url_pattern":"/"}],"extra_config":{"auth/basic":{"users":{"ann":`+quoted(string(hash))+`}}}}]}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	g := run(t, s)
	if got := g.send(t, "GET /key", "", "Authorization: Bearer one", "X-Role: made-up"); got.StatusCode != 200 {
		t.Errorf("got %d", got.StatusCode)
	}
	if h := heard(t, asked, "the backend's request"); h.Get("X-Role") != "admin" || len(h["X-Role"]) != 1 {
		t.Errorf("the backend sees %v", h)
	}
	refusal(t, "another key", g.send(t, "GET /key", "", "Authorization: Bearer two"), 401)
	if got := g.send(t, "GET /basic", "", basicAuth("ann", "secret")); got.StatusCode != 200 {
		t.Errorf("got %d", got.StatusCode)
	}
	if got := g.send(t, "GET /basic", ""); got.StatusCode != 401 || got.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("got %d %v", got.StatusCode, got.Header)
	}
}
