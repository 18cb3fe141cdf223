package gateway

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jws/jwsbb"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// secret signs the tokens of these tests.
const secret = "a secret that only the issuer and the gateway know"

// issuer serves the key that bearer signs with.
func issuer(t testing.TB) string {
	t.Helper()
	key := base64.RawURLEncoding.EncodeToString([]byte(secret))
	return upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"keys":[{"kty":"oct","kid":"k","k":"` + key + `"}]}`))
	})
}

// bearer is the header of a caller with a token of these claims.
func bearer(t testing.TB, claims string) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(`{"alg":"HS256","kid":"k"}`)) + "." + b64([]byte(claims))
	signature, err := jwsbb.Sign([]byte(secret), "HS256", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return "Authorization: Bearer " + text + "." + b64(signature)
}

// validated puts a validator before an endpoint.
func validated(jwks string, change ...func(*config.Validator)) func(*config.Endpoint) {
	return func(e *config.Endpoint) {
		e.Validator = &config.Validator{
			Alg: "HS256", JWKURL: jwks, Insecure: true, CacheDuration: time.Hour, KeyStrategy: "kid", Leeway: time.Second,
			RolesKey: "roles", HeaderName: "Authorization", CookieKey: "access_token",
		}
		for _, f := range change {
			f(e.Validator)
		}
	}
}

// refusal checks what a guard answers: nothing but a status (KrakenD v3, 9.5).
func refusal(t *testing.T, what string, got reply, status int) {
	t.Helper()
	if got.StatusCode != status || got.Text != "" || got.Header.Get("Content-Type") != "" || got.Header.Get("Content-Length") != "0" ||
		got.Header.Get("X-Krakend") != "" || got.Header.Get("X-Krakend-Completed") != "" {
		t.Errorf("%s: got %d %q %v, want %d", what, got.StatusCode, got.Text, got.Header, status)
	}
}

func TestValidatedEndpointsKnowTheirCallers(t *testing.T) {
	c := newCollector(t)
	asked := make(chan http.Header, 10)
	host := upstream(t, func(_ http.ResponseWriter, r *http.Request) { asked <- r.Header })
	roles := func(v *config.Validator) {
		v.Roles = []string{"admin"}
		v.Propagate = []config.Propagation{{Claim: "sub", Header: "X-User"}, {Claim: "org", Header: "X-Org"}, {Claim: "n", Header: "X-Hidden"}}
	}
	s := serviceOf(noop("GET /a/{id}", host, "/{id}", validated(issuer(t), roles), inputHeaders("X-User", "X-Org")))
	s.Moesif = c.config()
	g := run(t, s)
	forged := bearer(t, `{"sub":"eve","roles":["admin"]}`)
	forged = forged[:len(forged)-2]
	for _, tt := range []struct {
		name    string
		headers []string
		status  int
		user    string
		meta    string // identity and refused
	}{
		{"a caller with the role", []string{bearer(t, `{"sub":"ann","roles":["admin"],"n":1}`)}, 200, "ann", "verified "},
		{"a caller without it", []string{bearer(t, `{"sub":"bob","roles":["clerk"]}`)}, 403, "bob", "verified forbidden"},
		{"a forged token", []string{forged}, 401, "", "none unauthenticated"},
		{"a forged token beside a cookie", []string{forged, "Cookie: access_token=x"}, 401, "", "none unauthenticated"},
		{"another scheme", []string{"Authorization: Basic YW5uOng="}, 401, "", "none unauthenticated"},
		{"no token", nil, 401, "", "none unauthenticated"},
	} {
		got := g.send(t, "GET /a/7", "", append(tt.headers, "X-User: made-up", "X-Org: made-up")...)
		if tt.status != 200 {
			refusal(t, tt.name, got, tt.status)
		} else if h := heard(t, asked, "the backend's request"); got.StatusCode != 200 || h.Get("X-User") != "ann" ||
			len(h["X-Org"]) != 1 || h.Get("X-Org") != "" || h["X-Hidden"] != nil || h["Authorization"] != nil {
			t.Errorf("%s: got %d, the backend %v", tt.name, got.StatusCode, h)
		}
		e := heard(t, c.events, "the event of "+tt.name)
		m := e.Metadata.Gatemeter
		if e.UserID != tt.user || m.Identity+" "+m.Refused != tt.meta || m.Route != "/a/{id}" || e.Response.Status != tt.status {
			t.Errorf("%s: reported as %+v", tt.name, e)
		}
	}
	if len(asked) > 0 {
		t.Errorf("the backend was asked for %d refused calls", len(asked))
	}
}

// Rules see who was validated, and nobody else; a call that is refused before is not
// theirs (settled answer 1).
func TestValidatedCallersAreGoverned(t *testing.T) {
	s := serviceOf(noop("GET /a", upstream(t, echoURI), "/", validated(issuer(t))))
	g, c := governing(t, s, everything)
	if got := g.send(t, "GET /a", "", bearer(t, `{"sub":"ann"}`)); got.StatusCode != 451 {
		t.Errorf("got %d", got.StatusCode)
	}
	if e := heard(t, c.events, "an event"); e.UserID != "ann" || e.Metadata.Gatemeter.Refused != moesif.Blocked {
		t.Errorf("reported as %+v", e)
	}
	refusal(t, "no token", g.send(t, "GET /a", ""), 401)
	if e := heard(t, c.events, "an event"); e.BlockedBy != "" || e.Metadata.Gatemeter.Refused != moesif.Unauthenticated {
		t.Errorf("reported as %+v", e)
	}
}

// A token in a cookie identifies as well, and endpoints without a validator go on to
// claim.
func TestCookieTokensIdentify(t *testing.T) {
	c := newCollector(t)
	host := upstream(t, echoURI)
	s := serviceOf(noop("GET /a", host, "/", validated(issuer(t))), noop("GET /open", host, "/"))
	s.Moesif = c.config()
	g := run(t, s)
	token := bearer(t, `{"sub":"ann"}`)
	for path, want := range map[string][2]string{
		"/a":    {"verified", "Cookie: access_token=" + token[len("Authorization: Bearer "):]},
		"/open": {"claimed", token},
	} {
		g.send(t, "GET "+path, "", want[1])
		if e := heard(t, c.events, "an event"); e.UserID != "ann" || e.Metadata.Gatemeter.Identity != want[0] {
			t.Errorf("%s: reported as %+v, want %s", path, e, want[0])
		}
	}
}

func TestAValidatorWithoutKeysIsRefusedAtStart(t *testing.T) {
	s := serviceOf(noop("GET /a", "http://b", "/"), noop("GET /b", "http://b", "/", validated("", func(v *config.Validator) { v.JWKLocalPath = "nowhere.json" })))
	_, err := New(s, Options{Logger: slog.New(slog.DiscardHandler)})
	if want := "endpoints[1].extra_config.auth/validator.jwk_local_path: open nowhere.json: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A whole file, as people have it.
func TestAValidatorRunsFromAFile(t *testing.T) {
	host, keys := upstream(t, echoURI), issuer(t)
	quoted := func(s string) string { text, _ := json.Marshal(s); return string(text) }
	s, err := config.Parse("krakend.json", []byte(`{"version":3,"host":[`+quoted(host)+`],"endpoints":[{
		"endpoint":"/a","output_encoding":"no-op","backend":[{"url_pattern":"/x"}],
		"extra_config":{"auth/validator":{"alg":"HS256","jwk_url":`+quoted(keys)+`,"disable_jwk_security":true,"cache":true,"operation_debug":true,
			"roles_key":"realm_access.roles","roles_key_is_nested":true,"roles":["user"],"propagate_claims":[["sub","x-user"]]}}}]}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	g := run(t, s)
	if got := g.send(t, "GET /a", "", bearer(t, `{"sub":"ann","realm_access":{"roles":["user"]}}`)); got.StatusCode != 200 || got.Text != "/x" {
		t.Errorf("got %d %s", got.StatusCode, got.Text)
	}
	refusal(t, "without a role", g.send(t, "GET /a", "", bearer(t, `{"sub":"ann"}`)), 403)
	refusal(t, "without a token", g.send(t, "GET /a", ""), 401)
}

func TestClaimsStandInAddressesAndExpressions(t *testing.T) {
	host, keys := upstream(t, echoURI), issuer(t)
	s, err := config.Parse("krakend.json", []byte(strings.NewReplacer("HOST", host, "KEYS", keys).Replace(`{"version":3,"host":["HOST"],"endpoints":[{
		"endpoint":"/of/{id}","output_encoding":"no-op",
		"backend":[{"url_pattern":"/users/{JWT.sub}/{id}?tenant={JWT.tenant}&n={JWT.http://claims.example/n}&d={JWT.a.b}"}],
		"extra_config":{
			"auth/validator":{"alg":"HS256","jwk_url":"KEYS","disable_jwk_security":true,"cache":true},
			"validation/cel":[{"check_expr":"JWT.level > 2 && JWT.level < 9007199254740993 && 'shop' in JWT.aud"}]}}]}`)), nil)
	if err != nil {
		t.Fatal(err)
	}
	g := run(t, s)
	const claims = `"sub":"an/n","aud":["shop"],"http://claims.example/n":7`
	for _, c := range []struct {
		claims, want string
	}{
		{`{` + claims + `,"level":3,"tenant":"a&b","a.b":"literal","a":{"b":"nested"}}`, "/users/an%2Fn/9?tenant=a%26b&n=7&d=literal"},
		// As KrakenD leaves what is not there; claims of the first level are (KrakenD v3, 3).
		{`{` + claims + `,"level":3,"a":{"b":"nested"}}`, "/users/an%2Fn/9?tenant=%7B%7B.JWT.tenant%7D%7D&n=7&d=%7B%7B.JWT.a.b%7D%7D"},
	} {
		for range 2 { // the second time the token is known
			if got := g.send(t, "GET /of/9", "", bearer(t, c.claims)); got.StatusCode != 200 || got.Text != c.want {
				t.Errorf("%s: got %d %s, want %s", c.claims, got.StatusCode, got.Text, c.want)
			}
		}
	}
	for _, level := range []string{"2", "9007199254740993", `"3"`} {
		refusal(t, "level "+level, g.send(t, "GET /of/9", "", bearer(t, `{`+claims+`,"level":`+level+`}`)), 401)
	}
}
