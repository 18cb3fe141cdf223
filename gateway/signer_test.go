package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// signs puts a signer behind an endpoint, with the key of issuer.
func signs(jwks string, names ...string) func(*config.Endpoint) {
	return func(e *config.Endpoint) {
		e.Signer = &config.Signer{Alg: "HS256", KeyID: "k", Keys: names, JWKURL: jwks, Insecure: true}
	}
}

// token is what bearer signs.
func token(t *testing.T, claims string) string {
	t.Helper()
	_, text, _ := strings.Cut(bearer(t, claims), "Bearer ")
	return text
}

// Only the named keys are signed, the other bytes are as they came; the payload is the
// claims set as encoding/json writes it, which bearer's is too.
func TestNamedKeysOfTheAnswerAreSigned(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	keys := issuer(t)
	g := serving(t,
		object("POST /login", host, "/", signs(keys, "access_token", "refresh_token"), func(e *config.Endpoint) { e.CacheTTL = time.Minute }),
		object("POST /deny", host, "/", signs(keys, "access_token"), func(e *config.Endpoint) { e.Backends[0].Deny = []string{"secret"} }),
		object("POST /group", host, "/", signs(keys, "data"), func(e *config.Endpoint) { e.Backends[0].Group = "data" }),
		object("POST /static", host, "/", signs(keys, "access_token"), func(e *config.Endpoint) {
			e.Proxy.Static = &config.Static{Data: map[string]any{"access_token": map[string]any{"sub": "static"}}, Strategy: "always"}
		}),
	)
	ann := token(t, `{"exp":4102444800,"sub":"ann"}`)
	for _, tt := range []struct{ route, body, want string }{
		{
			"POST /login", `{ "z" : 1.50, "access_token" : { "sub" : "ann", "exp" : 4102444800 }, "refresh_token":{"jti":9007199254740993},"a":[{"access_token":{}}]}`,
			`{ "z" : 1.50, "access_token" : "` + ann + `", "refresh_token":"` + token(t, `{"jti":9007199254740993}`) + `","a":[{"access_token":{}}]}`,
		},
		// What is not there, or no object, is passed over: the reference is silent.
		{"POST /login", `{"user":{"access_token":{}}}`, `{"user":{"access_token":{}}}`},
		{"POST /login", `{"access_token":"opaque","refresh_token":[{}]}`, `{"access_token":"opaque","refresh_token":[{}]}`},
		{"POST /login", `{"access_token":{}}`, `{"access_token":"` + token(t, `{}`) + `"}`},
		// Keys with escapes, and those that stand twice: the last counts, and is signed.
		{"POST /login", `{"access\u005ftoken":{"sub":"ann","exp":4102444800}}`, `{"access_token":"` + ann + `"}`},
		{"POST /login", `{"access_token":{"sub":"eve"},"access_token":{"sub":"ann","exp":4102444800}}`, `{"access_token":"` + ann + `"}`},
		{"POST /login", `{"access_token":{"sub":"eve","sub":"ann","exp":4102444800}}`, `{"access_token":"` + ann + `"}`},
		{"POST /deny", `{"secret":1,"access_token":{"sub":"ann","exp":4102444800}}`, `{"access_token":"` + ann + `"}`},
		{"POST /group", `{"sub":"ann","exp":4102444800}`, `{"data":"` + ann + `"}`},
		{"POST /static", `{"a":1}`, `{"a":1,"access_token":"` + token(t, `{"sub":"static"}`) + `"}`},
	} {
		got := g.send(t, tt.route, tt.body)
		answers(t, tt.route+" "+tt.body, got, 200, tt.want, "X-Krakend-Completed: true")
		if c := got.Header.Get("Cache-Control"); c != "" {
			t.Errorf("a token for caches: %q", c)
		}
		if c := got.Header.Get("Content-Type"); c != "application/json; charset=utf-8" {
			t.Errorf("Content-Type is %q", c)
		}
	}
}

func TestMergedAnswersAreSigned(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, map[string]string{"/a": `{"access_token":{"sub":"ann"}}`, "/b": `{"b":1}`}[r.URL.Path])
	})
	for name, change := range map[string]func(*config.Endpoint){
		"parallel":   func(*config.Endpoint) {},
		"sequential": func(e *config.Endpoint) { e.Proxy.Sequential = true },
	} {
		g := serving(t, object("GET /x", host, "/a", signs(issuer(t), "access_token"), change, func(e *config.Endpoint) {
			e.Backends = append(e.Backends, e.Backends[0])
			e.Backends[1].URLPattern = "/b"
		}))
		answers(t, name, g.send(t, "GET /x", ""), 200, `{"access_token":"`+token(t, `{"sub":"ann"}`)+`","b":1}`, "X-Krakend-Completed: true")
	}
}

// An answer that can't be had is 400 where a signer stands (KrakenD v3, 1.8: signer
// problems), a partial one too. return_error_code's status is kept, since it is asked
// for by name; the reference is silent about the two together.
func TestWhatCannotBeSignedIsABadRequest(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/401":
			w.WriteHeader(http.StatusUnauthorized)
		case "/text":
			_, _ = io.WriteString(w, "no JSON")
		case "/null":
			_, _ = io.WriteString(w, "null")
		default:
			_, _ = io.WriteString(w, `{"access_token":{"sub":"ann"}}`)
		}
	})
	keys := issuer(t)
	two := func(e *config.Endpoint) {
		e.Backends = append(e.Backends, e.Backends[0])
		e.Backends[1].URLPattern = "/401"
	}
	g := serving(t,
		object("GET /failed", host, "/401", signs(keys, "access_token")),
		object("GET /text", host, "/text", signs(keys, "access_token")),
		object("GET /partial", host, "/ok", signs(keys, "access_token"), two),
		object("GET /null", host, "/null", signs(keys, "access_token")),
		object("GET /code", host, "/401", signs(keys, "access_token"), func(e *config.Endpoint) { e.Backends[0].ReturnErrorCode = true }),
		object("GET /details", host, "/401", signs(keys, "access_token"), func(e *config.Endpoint) { e.Backends[0].ErrorDetails = "login" }),
		object("GET /unsigned", host, "/401"),
	)
	const incomplete = "X-Krakend-Completed: false"
	answers(t, "failed", g.send(t, "GET /failed", ""), 400, "", incomplete)
	answers(t, "no JSON", g.send(t, "GET /text", ""), 400, "", incomplete)
	answers(t, "partial", g.send(t, "GET /partial", ""), 400, "", incomplete)
	answers(t, "null", g.send(t, "GET /null", ""), 200, "null", incomplete)
	answers(t, "return_error_code", g.send(t, "GET /code", ""), 401, "", incomplete)
	answers(t, "return_error_details", g.send(t, "GET /details", ""), 200, `{"error_login":{"http_status_code":401}}`, incomplete)
	answers(t, "without a signer", g.send(t, "GET /unsigned", ""), 500, "", incomplete)
}

// Without a key the backend is not called, and the answer is a guard's (KrakenD v3, 9).
func TestASignerWithoutAKeyRefusesCalls(t *testing.T) {
	called := make(chan string, 1)
	host := upstream(t, func(_ http.ResponseWriter, r *http.Request) { called <- r.URL.Path })
	down := upstream(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	public := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	})
	g := serving(t, object("GET /down", host, "/", signs(down, "a")), object("GET /public", host, "/", signs(public, "a")))
	for _, path := range []string{"/down", "/public"} {
		refusal(t, path, g.send(t, "GET "+path, ""), 401)
	}
	if len(called) > 0 {
		t.Error("the backend was called")
	}
}

// A token that was signed here is one that an endpoint of the same gateway takes.
func TestASignedTokenOpensAnEndpoint(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"access_token":{"sub":"ann","roles":["admin"]}}`)
	})
	keys := issuer(t)
	g := serving(t, object("POST /login", host, "/", signs(keys, "access_token")),
		object("GET /private", host, "/", validated(keys, func(v *config.Validator) { v.Roles = []string{"admin"} })))
	var given struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(g.send(t, "POST /login", "").Text), &given); err != nil {
		t.Fatal(err)
	}
	if got := g.send(t, "GET /private", "", "Authorization: Bearer "+given.AccessToken); got.StatusCode != 200 {
		t.Errorf("got %d", got.StatusCode)
	}
	refusal(t, "without it", g.send(t, "GET /private", ""), 401)
}
