package gateway

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// echoURI answers with the address the backend was asked for.
func echoURI(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.RequestURI)) }

func TestRouterAnswersWhatNoEndpointMatches(t *testing.T) {
	host := upstream(t, echoURI)
	endpoints := []config.Endpoint{
		noop("GET /user/{id}", host, "/u/{id}"), noop("POST /user/{id}", host, "/u/{id}"), noop("POST /b", host, "/b"),
		noop("POST /user/{id}/x", host, "/x/{id}"),
	}
	g := serving(t, endpoints...)
	for _, c := range []struct {
		route    string
		status   int
		text     string
		header   string // "Name: value" that must be there
		versions bool   // with the X-Krakend headers
	}{
		{"GET /nothing", 404, "404 page not found", "Content-Type: text/plain", true},
		{"PUT /user/7", 405, "405 method not allowed", "Allow: GET, POST", true},
		{"HEAD /user/7", 405, "", "Allow: GET, POST", true},
		{"OPTIONS /user/7", 405, "405 method not allowed", "Allow: GET, POST", true},
		{"GET /user/7/?a=1", 301, "", "Location: /user/7?a=1", false},
		{"GET /USER/7", 301, "", "Location: /user/7", false},
		{"POST /user//7", 307, "", "Location: /user/7", false},
		{"GET /b/", 404, "404 page not found", "", true},
		{"GET /user/a%2Fb", 404, "404 page not found", "", true},
		{"GET /user/a%20b", 200, "/u/a%20b", "", true},
		{"GET /user/a%252Fb", 400, "error: encoded url params", "Content-Type: text/plain; charset=utf-8", false},
		{"GET /user/a%25b", 400, `error: invalid URL escape "%b"`, "", false},
		{"GET /user/a%3Fb", 400, "error: encoded url params", "", false},
		{"GET /user/a%23b", 400, "error: encoded url params", "", false},
		{"GET /user/%2e%2e", 400, "error: dot segment in url params", "", false},
		{"POST /user/%2e/x", 400, "error: dot segment in url params", "", false},
		{"GET /user/a%0d%0ab", 400, "error: line break in url params", "", false},
		{"POST /__health", 405, "405 method not allowed", "Allow: GET", true},
		{"GET /__debug/x", 404, "404 page not found", "", true},
	} {
		got := g.send(t, c.route, "")
		if got.StatusCode != c.status || (c.text != "" && got.Text != c.text) {
			t.Errorf("%s: got %d %q, want %d %q", c.route, got.StatusCode, got.Text, c.status, c.text)
		}
		if name, value, ok := strings.Cut(c.header, ": "); ok && got.Header.Get(name) != value {
			t.Errorf("%s: %s is %q, want %q", c.route, name, got.Header.Get(name), value)
		}
		version, completed := got.Header.Get("X-Krakend"), got.Header.Get("X-Krakend-Completed")
		if has := version == "Version 1.2.3" && completed == "false"; has != c.versions || !has && version+completed != "" {
			t.Errorf("%s: X-Krakend is %q, X-Krakend-Completed %q", c.route, got.Header.Get("X-Krakend"), got.Header.Get("X-Krakend-Completed"))
		}
	}
}

func TestRouterOptionsChangeItsAnswers(t *testing.T) {
	host := upstream(t, echoURI)
	g := run(t, &config.Service{
		Endpoints: []config.Endpoint{noop("GET /a/{id}", host, "/a/{id}"), noop("POST /a/{id}", host, "/a/{id}")},
		Router: config.Router{
			ErrorBody404: []byte(`{"oops":404}`), ErrorBody405: []byte(`{"oops":405}`), AutoOptions: true,
			DisableRedirectFixedPath: true, DisableRedirectTrailingSlash: true, DisablePathDecoding: true,
			HealthPath: "/up", HideVersionHeader: true, RemoveExtraSlash: true,
		},
		DebugEndpoint: true, EchoEndpoint: true,
	})
	for _, c := range []struct {
		route  string
		status int
		text   string
		header string
	}{
		{"GET /nothing", 404, `{"oops":404}`, "Content-Type: application/json; charset=utf-8"},
		{"PUT /a/1", 405, `{"oops":405}`, "Allow: GET, POST, OPTIONS"},
		{"OPTIONS /a/1", 200, "", "Allow: GET, POST"},
		{"OPTIONS /a/1", 200, "", "X-Krakend: Version undefined"},
		{"GET /a/1/", 404, `{"oops":404}`, ""},
		{"GET /A/1", 404, `{"oops":404}`, ""},
		{"GET //a//1", 200, "/a/1", ""},
		{"GET /a/x%3Fy%23", 200, "/a/x%3Fy%23", ""},
		{"GET /a/x%252Fy", 200, "/a/x%252Fy", ""},
		{"GET /a/%2e%2e", 404, "", ""}, // extra slashes go together with dots
		{"GET /__health", 404, "", ""},
		{"PUT /__debug/x", 200, `{"message":"pong"}` + "\n", ""},
	} {
		got := g.send(t, c.route, "")
		if got.StatusCode != c.status || (c.text != "" && got.Text != c.text) {
			t.Errorf("%s: got %d %q, want %d %q", c.route, got.StatusCode, got.Text, c.status, c.text)
		}
		if name, value, ok := strings.Cut(c.header, ": "); ok && got.Header.Get(name) != value {
			t.Errorf("%s: %s is %q, want %q", c.route, name, got.Header.Get(name), value)
		}
	}

	var health struct{ Status, Now string }
	if err := json.Unmarshal([]byte(g.send(t, "GET /up", "").Text), &health); err != nil || health.Status != "ok" || health.Now == "" {
		t.Errorf("health: %+v, %v", health, err)
	}
	var echo map[string]any
	got := g.send(t, "POST /__echo/x?a=1&a=2", "hello", "X-Test: yes")
	if err := json.Unmarshal([]byte(got.Text), &echo); err != nil {
		t.Fatal(err)
	}
	if echo["req_body"] != "hello" || echo["req_method"] != "POST" || echo["req_uri"] != "/__echo/x?a=1&a=2" ||
		echo["req_uri_details"].(map[string]any)["path"] != "/__echo/x" || len(echo["req_querystring"].(map[string]any)["a"].([]any)) != 2 {
		t.Errorf("echo: %s", got.Text)
	}
}

// KrakenD v3, 1.9: what can be switched off.
func TestRouterAnswersAreSwitchedOff(t *testing.T) {
	host := upstream(t, echoURI)
	for _, c := range []struct {
		router config.Router
		route  string
		status int
		text   string
	}{
		{config.Router{}, "GET /__health", 200, ""},
		{config.Router{DisableHealth: true}, "GET /__health", 404, "404 page not found"},
		{config.Router{DisableHealth: true, HealthPath: "/up"}, "GET /up", 404, "404 page not found"},
		{config.Router{DisableHandleMethodNotAllowed: true}, "PUT /a", 404, "404 page not found"},
		{config.Router{DisableHandleMethodNotAllowed: true, ErrorBody404: []byte(`{"no":1}`)}, "HEAD /a", 404, ""},
		{config.Router{DisableHandleMethodNotAllowed: true}, "OPTIONS /a", 404, "404 page not found"},
		{config.Router{DisableHandleMethodNotAllowed: true, AutoOptions: true}, "OPTIONS /a", 200, ""},
	} {
		s := serviceOf(noop("GET /a", host, "/"))
		s.Router = c.router
		got := run(t, s).send(t, c.route, "")
		if got.StatusCode != c.status || c.text != "" && got.Text != c.text || got.StatusCode == 404 && got.Header.Get("Allow") != "" {
			t.Errorf("%+v, %s: got %d %q", c.router, c.route, got.StatusCode, got.Text)
		}
	}
}

// KrakenD v3, 1.9 and 9.5: what /__health, /__debug and /__echo answer, and what of it
// is logged; none has the headers of endpoints.
func TestTheGatewayAnswersAboutItself(t *testing.T) {
	log := &lockedLog{}
	s := serviceOf()
	s.DebugEndpoint, s.EchoEndpoint = true, true
	g := runAs(t, s, Options{Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	answer := func(route, body string, headers ...string) map[string]any {
		t.Helper()
		got := g.send(t, route, body, headers...)
		var object map[string]any
		if err := json.Unmarshal([]byte(got.Text), &object); err != nil || got.StatusCode != 200 || got.Header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s: got %d %q %v", route, got.StatusCode, got.Text, err)
		}
		for _, name := range []string{"X-Krakend", "X-Krakend-Completed", "Cache-Control"} {
			if got.Header[name] != nil {
				t.Errorf("%s: %s is there", route, name)
			}
		}
		return object
	}
	health := answer("GET /__health", "")
	if agents, ok := health["agents"].(map[string]any); !ok || len(agents) > 0 || health["status"] != "ok" || health["now"] == "" || len(health) != 3 {
		t.Errorf("health: %v", health)
	}
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		if got := answer(method+" /__debug/deep/x?q=1", "told", "X-Test: seen"); len(got) != 1 || got["message"] != "pong" {
			t.Errorf("%s: %v", method, got)
		}
		for _, part := range []string{"level=DEBUG", "method=" + method, "/__debug/deep/x?q=1", "X-Test:[seen]", "q:[1]", "body=told"} {
			if !strings.Contains(log.String(), part) {
				t.Errorf("%s: the log lacks %s:\n%s", method, part, log.String())
			}
		}
	}
	echo := answer("PATCH /__echo/a%20b?x=1&y=%26", "said", "X-Test: seen", "Host: api.example")
	details := map[string]any{"user": "", "host": "api.example", "path": "/__echo/a b", "query": "x=1&y=%26", "fragment": ""}
	if echo["req_uri"] != "/__echo/a%20b?x=1&y=%26" || !reflect.DeepEqual(echo["req_uri_details"], details) || echo["req_method"] != "PATCH" || echo["req_body"] != "said" ||
		!reflect.DeepEqual(echo["req_querystring"], map[string]any{"x": []any{"1"}, "y": []any{"&"}}) ||
		!reflect.DeepEqual(echo["req_headers"].(map[string]any)["X-Test"], []any{"seen"}) || len(echo) != 6 {
		t.Errorf("echo: %v", echo)
	}
}

func TestImpossibleConfigurationsAreRefusedByKey(t *testing.T) {
	two := noop("GET /a", "http://h", "/")
	two.Backends = append(two.Backends, two.Backends[0])
	for _, c := range []struct {
		service config.Service
		want    string
	}{
		{config.Service{Endpoints: []config.Endpoint{two}}, "endpoints[0].backend: a no-op endpoint has one backend (got 2)"},
		{config.Service{Endpoints: []config.Endpoint{noop("GET /a", "http://h", "/{id}")}},
			`endpoints[0].backend[0].url_pattern "/{id}": {id} is not a parameter of the endpoint`},
		{config.Service{Endpoints: []config.Endpoint{noop("GET /a", "lb://h", "/")}},
			`endpoints[0].backend[0].host "lb://h": must begin with http:// or https://`},
		{config.Service{Endpoints: []config.Endpoint{noop("GET /a", "http://h", "/"), noop("GET /a", "http://h", "/")}},
			"endpoints[1].endpoint: GET /a: registered already, as /a"},
		{config.Service{Endpoints: []config.Endpoint{noop("GET /a", "http://h", "/", timeout(-1))}},
			"endpoints[0].timeout: must be more than 0s (got -1ns)"},
		{config.Service{Router: config.Router{TrustedProxies: []string{"10.0.0.0/8", "x"}}},
			`router.trusted_proxies[1]: neither an address nor a network: "x"`},
		{config.Service{TLS: &config.TLS{}}, "tls.keys: name at least one public_key and private_key"},
		{config.Service{ClientTLS: config.ClientTLS{CACerts: []string{"/none.pem"}}}, "client_tls.ca_certs: open /none.pem: no such file or directory"},
	} {
		_, err := New(&c.service, Options{})
		if err == nil || err.Error() != c.want {
			t.Errorf("got error %v\nwant      %s", err, c.want)
		}
	}
}
