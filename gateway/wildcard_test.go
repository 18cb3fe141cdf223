package gateway

import (
	"net/http"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// sayURI answers with the method and the address the backend was asked for.
func sayURI(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Said", r.Method+" "+r.RequestURI)
	w.WriteHeader(200)
}

// wild is a service with wildcards of every kind before a backend that says its URI.
func wild(t *testing.T, extra string, endpoints string) *config.Service {
	t.Helper()
	return fromFile(t, `{"version":3,"host":["HOST"],"output_encoding":"no-op","extra_config":`+extra+`,"endpoints":[`+endpoints+`]}`, upstream(t, sayURI))
}

// The reference has nothing of wildcards: /foo/* matches what EE documents, and what
// lies behind it gets what the star stands for.
func TestWildcardsHandTheRestOn(t *testing.T) {
	g := run(t, wild(t, `{}`, `
		{"endpoint":"/foo/*","input_query_strings":["*"],"backend":[{"url_pattern":"/x/*?own=1"}]},
		{"endpoint":"/foo/*","method":"POST","backend":[{"url_pattern":"/fixed"}]},
		{"endpoint":"/foo/a/{id}","backend":[{"url_pattern":"/one/{id}"}]},
		{"endpoint":"/users/{id}/*","backend":[{"url_pattern":"/*"}]},
		{"endpoint":"/get/only","backend":[{"url_pattern":"/"}]}`))
	for _, c := range []struct {
		route  string
		status int
		said   string // or where to
	}{
		{"GET /foo/", 200, "GET /x/?own=1"},
		{"GET /foo/a", 200, "GET /x/a?own=1"},
		{"GET /foo/b/c/?q=2", 200, "GET /x/b/c/?own=1&q=2"},
		{"GET /foo/a/7", 200, "GET /one/7"},
		{"GET /foo/a/7/", 200, "GET /x/a/7/?own=1"},
		{"GET /foo/a%20b/%C3%A9;x", 200, "GET /x/a%20b/%C3%A9%3Bx?own=1"},
		{"GET /foo/z%2Fb", 200, "GET /x/z/b?own=1"}, // matched as it is decoded, like all paths
		{"POST /foo/a/7", 200, "POST /fixed"},
		{"GET /users/7/a", 200, "GET /a"},
		{"GET /users/7/", 200, "GET /"},
		{"GET /foo", 301, "/foo/"},
		{"POST /foo", 307, "/foo/"},
		{"GET /FOO/Ab", 301, "/foo/Ab"},
		{"PUT /foo/x", 405, ""},
		{"GET /none", 404, ""},
		{"GET /foo/../get/only", 400, ""},
		{"GET /foo/%2e%2e/get/only", 400, ""},
		{"GET /foo/a/..%2f..%2fget/only", 400, ""},
		{"GET /foo/.", 400, ""},
		{"GET /foo/a/.", 400, ""},
		{"GET /foo//a/7", 400, ""}, // of another endpoint, for a backend that takes // for /
		{"GET /users/7//evil.example", 400, ""},
		{"GET /foo/a%252e", 400, ""},
		{"GET /foo/a%3Fb=c", 400, ""},
		{"GET /foo/a%0d%0ab", 400, ""},
	} {
		got := g.send(t, c.route, "")
		said := got.Header.Get("Said") + got.Header.Get("Location")
		if got.StatusCode != c.status || said != c.said {
			t.Errorf("%s: got %d %q, want %d %q", c.route, got.StatusCode, said, c.status, c.said)
		}
	}
}

// A /__catchall stands where the 404 would be. Without a method it takes any, which
// the backend gets (chosen: the reference is silent).
func TestTheCatchAllTakesWhatNobodyElseDoes(t *testing.T) {
	endpoints := `
		{"endpoint":"/user/{id}","backend":[{"url_pattern":"/u/{id}"}]},
		{"endpoint":"/__catchall","backend":[{"url_pattern":"/__catchall"}]},
		{"endpoint":"/__catchall","method":"PUT","backend":[{"url_pattern":"/put/*","method":"POST"}]}`
	g := run(t, wild(t, `{}`, endpoints))
	for _, c := range []struct {
		route  string
		status int
		said   string
	}{
		{"GET /", 200, "GET /"},
		{"GET /a/b/", 200, "GET /a/b/"},
		{"POST /a", 200, "POST /a"},
		{"DELETE /a", 200, "DELETE /a"},
		{"HEAD /a", 200, "HEAD /a"},
		{"OPTIONS /a", 200, "OPTIONS /a"},
		{"PUT /a", 200, "POST /put/a"},
		{"BREW /a", 404, ""},
		{"TRACE /a", 404, ""},
		{"GET /user/7", 200, "GET /u/7"},
		{"GET /user/7/", 301, "/user/7"},
		{"POST /user/7", 405, ""},
		{"GET /a/../user/7", 301, "/user/7"},
		{"GET /a/../b", 400, ""},
		{"GET /a//b", 400, ""},
	} {
		got := g.send(t, c.route, "")
		said := got.Header.Get("Said") + got.Header.Get("Location")
		if got.StatusCode != c.status || said != c.said {
			t.Errorf("%s: got %d %q, want %d %q", c.route, got.StatusCode, said, c.status, c.said)
		}
	}
	g = run(t, wild(t, `{"router":{"disable_handle_method_not_allowed":true,"disable_redirect_fixed_path":true,"disable_redirect_trailing_slash":true}}`, endpoints))
	for route, want := range map[string]string{"POST /user/7": "POST /user/7", "GET /user/7/": "GET /user/7/", "GET /USER/7": "GET /USER/7"} {
		if got := g.send(t, route, ""); got.StatusCode != 200 || got.Header.Get("Said") != want {
			t.Errorf("%s: got %d %q, want %q", route, got.StatusCode, got.Header.Get("Said"), want)
		}
	}
}

// HEAD and OPTIONS need an answer that passes on as it is.
func TestACatchAllThatDecodesTakesNoHead(t *testing.T) {
	g := run(t, fromFile(t, `{"version":3,"host":["HOST"],"endpoints":[{"endpoint":"/__catchall","backend":[{"url_pattern":"/*"}]}]}`,
		upstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(`{"said":"` + r.Method + `"}`)) })))
	for method, want := range map[string]int{"GET": 200, "POST": 200, "PATCH": 200, "HEAD": 404, "OPTIONS": 404} {
		if got := g.send(t, method+" /a", ""); got.StatusCode != want || want == 200 && got.Text != `{"said":"`+method+`"}` {
			t.Errorf("%s: got %d %s, want %d", method, got.StatusCode, got.Text, want)
		}
	}
}

func TestAnEventHasTheWildcardAsItIsWritten(t *testing.T) {
	c := newCollector(t)
	s := wild(t, `{}`, `
		{"endpoint":"/foo/*","backend":[{"url_pattern":"/*"}]},
		{"endpoint":"/__catchall","backend":[{"url_pattern":"/*"}]}`)
	s.Moesif = c.config()
	g := run(t, s)
	for route, want := range map[string]struct{ pattern, refused string }{
		"GET /foo/a/b":  {"/foo/*", ""},
		"PUT /other":    {"/__catchall", ""},
		"GET /foo/../x": {"/foo/*", moesif.BadRequest},
	} {
		g.send(t, route, "", "Authorization: Basic YW5uOng=")
		got := heard(t, c.events, "the event of "+route).Metadata.Gatemeter
		if got.Route != want.pattern || got.Refused != want.refused {
			t.Errorf("%s: reported as %+v, want %v", route, got, want)
		}
	}
}

func TestLimitsAndOptionsCountForAWildcardAsAWhole(t *testing.T) {
	g := run(t, wild(t, `{"router":{"auto_options":true}}`, `
		{"endpoint":"/foo/*","backend":[{"url_pattern":"/*"}],"extra_config":{"qos/ratelimit/router":{"max_rate":1,"every":"1h"}}},
		{"endpoint":"/__catchall","backend":[{"url_pattern":"/*"}],"extra_config":{"qos/ratelimit/router":{"max_rate":1,"every":"1h"}}}`))
	if got := g.send(t, "OPTIONS /foo/a", ""); got.StatusCode != 200 || got.Header.Get("Allow") != "GET" {
		t.Errorf("got %d, Allow %q", got.StatusCode, got.Header.Get("Allow"))
	}
	for _, c := range []struct {
		route  string
		status int
	}{{"GET /foo/a", 200}, {"GET /foo/b", 503}, {"GET /a", 200}, {"POST /b", 503}} {
		if got := g.send(t, c.route, ""); got.StatusCode != c.status {
			t.Errorf("%s: got %d, want %d", c.route, got.StatusCode, c.status)
		}
	}
}

func TestExpressionsSeeWhatAWildcardMatched(t *testing.T) {
	g := run(t, wild(t, `{}`, `{"endpoint":"/foo/*","backend":[{"url_pattern":"/*"}],
		"extra_config":{"validation/cel":[{"check_expr":"req_params['*'].startsWith('open/')"}]}}`))
	for route, want := range map[string]int{"GET /foo/open/a": 200, "GET /foo/shut/a": 500, "GET /foo/": 500} {
		if got := g.send(t, route, ""); got.StatusCode != want {
			t.Errorf("%s: got %d, want %d", route, got.StatusCode, want)
		}
	}
}
