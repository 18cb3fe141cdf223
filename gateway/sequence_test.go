package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/gateway/config"
)

func sequential(e *config.Endpoint) { e.Proxy.Sequential = true }

// tells answers like says, and what is under /tell/ with the request line.
func tells(w http.ResponseWriter, r *http.Request) {
	if len(r.URL.Path) > 5 && r.URL.Path[:6] == "/tell/" {
		text, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, `{"uri":"`+r.RequestURI+`","body":"`+string(text)+`"}`)
		return
	}
	says(w, r)
}

func TestBackendsOfASequenceUseEarlierAnswers(t *testing.T) {
	host := upstream(t, tells)
	first := func(change func(*config.Backend)) func(*config.Endpoint) {
		return func(e *config.Endpoint) { change(&e.Backends[0]) }
	}
	only := func(b *config.Backend) { b.Allow = []string{"uri"} }
	g := serving(t,
		object("GET /types", host, "/user", sequential, first(func(b *config.Backend) { b.Group = "u" }),
			also("/tell/{resp0_u.id}/{resp0_u.name}?tags={resp0_u.tags}&on={resp0_u.on}&gone={resp0_u.gone}&city={resp0_u.address.city}", only)),
		object("GET /missing", host, "/user", sequential, first(func(b *config.Backend) { b.Target = "address" }),
			also("/tell/{resp0_id}?no={resp0_city.name}&list={resp0_tags.0}", only)),
		object("GET /escaped", host, "/user", sequential, first(func(b *config.Backend) { b.Target = ""; b.Group = "u" }), also("/tell/{resp0_u.odd}?odd={resp0_u.odd}", only)),
		object("GET /three/{id}", host, "/tell/{id}", sequential, first(func(b *config.Backend) { b.Group = "0" }), also("/a", func(b *config.Backend) { b.Group = "1" }),
			also("/tell/{resp1_1.a}?uri={resp0_0.uri}&id={id}", only)),
		object("GET /string", host, "/404", sequential, also("/tell/{resp0_content}", only), first(func(b *config.Backend) { b.URLPattern = "/none"; b.Encoding = "string" })),
		object("GET /whole", host, "/none", sequential, also("/tell/{resp0}?data={resp0_x}", only), first(func(b *config.Backend) { b.Encoding = "no-op" })),
		object("GET /not-whole", host, "/none", sequential, also("/tell/{resp0}", only)),
		object("POST /body", host, "/tell/0", sequential, first(func(b *config.Backend) { b.Group = "first" }), also("/tell/1")),
	)
	for _, c := range []struct{ route, body, want string }{
		{"GET /types", "", `"uri":"/tell/7/ann?tags=x%2Cy&on=true&gone=%3Cnil%3E&city=Rome"}`},
		{"GET /missing", "", `{"city":"Rome","uri":"/tell/%7B%7B.Resp0_id%7D%7D?no=%7B%7B.Resp0_city.name%7D%7D&list=%7B%7B.Resp0_tags.0%7D%7D"}`},
		{"GET /escaped", "", `"uri":"/tell/a%2Fb&c=d?odd=a%2Fb%26c%3Dd"}`},
		{"GET /three/5", "", `{"0":{"body":"","uri":"/tell/5"},"1":{"a":1,"both":"a"},"uri":"/tell/1?uri=%2Ftell%2F5&id=5"}`},
		{"GET /string", "", `{"content":"{}","uri":"/tell/%7B%7D"}`},
		{"GET /whole", "", `{"uri":"/tell/%7B%7D?data=%7B%7B.Resp0_x%7D%7D"}`},
		{"GET /not-whole", "", `{"uri":"/tell/%7B%7B.Resp0%7D%7D"}`},
		{"POST /body", "hello", `{"body":"hello","first":{"body":"hello","uri":"/tell/0"},"uri":"/tell/1"}`},
	} {
		got := g.send(t, c.route, c.body)
		// JSON writes & as an escape.
		text := unescape.Replace(got.Text)
		if got.StatusCode != 200 || got.Header.Get("X-Krakend-Completed") != "true" || len(text) < len(c.want) || text[len(text)-len(c.want):] != c.want {
			t.Errorf("%s: got %d %s\nwant %s", c.route, got.StatusCode, text, c.want)
		}
	}
}

func TestSequenceEndsWhereABackendFails(t *testing.T) {
	var called []string // one request at a time
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		called = append(called, r.URL.Path)
		says(w, r)
	})
	code := func(b *config.Backend) { b.ReturnErrorCode = true }
	details := func(b *config.Backend) { b.ErrorDetails = "x" }
	ttl := cacheTTL(time.Minute)
	s := serviceOf(
		object("GET /first", host, "/404", sequential, also("/b")),
		object("GET /code", host, "/404", sequential, also("/b"), func(e *config.Endpoint) { code(&e.Backends[0]) }),
		object("GET /second", host, "/a", sequential, also("/404", code), also("/b"), ttl),
		object("GET /details", host, "/a", sequential, also("/404", details), also("/b"), ttl),
		object("GET /details-first", host, "/404", sequential, also("/b"), func(e *config.Endpoint) { details(&e.Backends[0]) }),
		object("GET /null", host, "/null", sequential, also("/b"), ttl))
	s.Router.ReturnErrorMsg = true
	g := run(t, s)
	detail := `"error_x":{"http_status_code":404,"http_body":"no /404","http_body_encoding":"text/x-reason"}`
	for _, c := range []struct {
		path   string
		status int
		text   string
		calls  int
	}{
		{"/first", 500, "invalid status code 404 [GET /404]: " + host + "/404", 1},
		{"/code", 404, "no /404", 1}, // chosen: as an only backend's
		{"/second", 200, `{"a":1,"both":"a"}`, 2},
		{"/details", 200, `{"a":1,"both":"a",` + detail + `}`, 2},
		{"/details-first", 200, "{" + detail + "}", 1},
		{"/null", 200, `{"b":2,"deep":{"x":1,"y":2}}`, 2},
	} {
		called = nil
		got := g.send(t, "GET "+c.path, "")
		got.check(t, c.path, c.status, c.text, "false")
		if len(called) != c.calls || got.Header.Get("Cache-Control") != "" {
			t.Errorf("%s: called %q, Cache-Control %q", c.path, called, got.Header.Get("Cache-Control"))
		}
	}
}

func TestSequenceHasItsPartOfTheTimeout(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/never" {
			<-r.Context().Done()
			return
		}
		says(w, r)
	})
	g := serving(t, object("GET /a", host, "/a", sequential, also("/never"), also("/b"), timeout(500*time.Millisecond)))
	g.send(t, "GET /a", "").check(t, "/a", 200, `{"a":1,"both":"a"}`, "false")
}

func TestPropagatedParametersReachWhatStandsAroundABackend(t *testing.T) {
	host := upstream(t, says)
	s := serviceOf(object("GET /a", host, "/user", sequential, also("/b"), func(e *config.Endpoint) {
		e.Proxy.PropagatedParams = []string{"resp0_address.city"}
	}))
	var found []string
	h, err := handlerAround(t, s, http.DefaultTransport, func(_ *config.Backend, next http.RoundTripper) (http.RoundTripper, error) {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if value, ok := backend.Value(r.Context(), "resp0_address.city"); ok {
				found = append(found, r.URL.Path+" "+value)
			}
			return next.RoundTrip(r)
		}), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	h.ask(t, "GET /a", "")
	if len(found) != 1 || found[0] != "/b Rome" {
		t.Errorf("got %q", found)
	}
}

// unescape undoes what JSON's encoder does for the sake of HTML.
var unescape = strings.NewReplacer(`\u0026`, "&", `\u003c`, "<", `\u003e`, ">")

func TestExpressionsAndScriptsSeePropagatedParameters(t *testing.T) {
	host := upstream(t, says)
	file := func(city string, propagated string) string {
		return `{"version": 3, "host": ["HOST"], "endpoints": [{"endpoint": "/a/{id}",
			"extra_config": {"proxy": {"sequential": true` + propagated + `}},
			"backend": [{"url_pattern": "/user", "allow": ["address"]}, {"url_pattern": "/b", "allow": ["b"], "extra_config": {
				"validation/cel": [{"check_expr": "req_params['Resp0_address.city'] == '` + city + `' && req_params.Id == '7'"}],
				"modifier/lua-backend": {"pre": "if request.load():params('Resp0_address.city') ~= 'Rome' then custom_error('no', 418) end"}}}]}]}`
	}
	const named = `, "sequential_propagated_params": ["resp0_address.city"]`
	for _, c := range []struct {
		file     string
		complete string
		body     string
	}{
		{file("Rome", named), "true", `{"address":{"city":"Rome"},"b":2}`},
		{file("Oslo", named), "false", `{"address":{"city":"Rome"}}`}, // the second backend is not asked
		{file("Rome", ""), "false", `{"address":{"city":"Rome"}}`},    // nothing is propagated
	} {
		g := run(t, fromFile(t, c.file, host))
		g.send(t, "GET /a/7", "").check(t, c.file, 200, c.body, c.complete)
		if err := g.stop(); err != nil {
			t.Error(err)
		}
	}
}
