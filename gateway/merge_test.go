package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// also is one more backend of the endpoint, on the host and with the method of the
// first.
func also(pattern string, change ...func(*config.Backend)) func(*config.Endpoint) {
	return func(e *config.Endpoint) {
		b := config.Backend{URLPattern: pattern, Method: e.Backends[0].Method, Hosts: e.Backends[0].Hosts, Encoding: "json"}
		for _, f := range change {
			f(&b)
		}
		e.Backends = append(e.Backends, b)
	}
}

func cacheTTL(d time.Duration) func(*config.Endpoint) {
	return func(e *config.Endpoint) { e.CacheTTL = d }
}

// says answers with the body that the path asks for, and with status 404 on /404.
func says(w http.ResponseWriter, r *http.Request) {
	body, known := map[string]string{
		"/a": `{"a":1,"both":"a"}`, "/b": `{"b":2,"deep":{"x":1,"y":2}}`, "/null": `null`, "/none": `{}`, "/list": `[1,2]`,
		"/user": `{"id":7,"name":"ann","tags":["x","y"],"on":true,"gone":null,"address":{"city":"Rome"},"odd":"a/b&c=d"}`,
	}[r.URL.Path]
	if !known {
		w.Header().Set("Content-Type", "text/x-reason")
		w.WriteHeader(http.StatusNotFound)
		body = "no " + r.URL.Path
	}
	_, _ = io.WriteString(w, body)
}

// check compares an answer's status, body and completeness; the empty string of
// complete leaves that out.
func (r reply) check(t *testing.T, what string, status int, text, complete string) {
	t.Helper()
	if r.StatusCode != status || r.Text != text {
		t.Errorf("%s: got %d %s, want %d %s", what, r.StatusCode, r.Text, status, text)
	}
	if got := r.Header.Get("X-Krakend-Completed"); complete != "" && got != complete {
		t.Errorf("%s: X-Krakend-Completed: %s, want %s", what, got, complete)
	}
}

func TestAnswersOfSeveralBackendsAreMerged(t *testing.T) {
	host := upstream(t, says)
	group := func(b *config.Backend) { b.Group = "g" }
	details := func(b *config.Backend) { b.ErrorDetails = "x" }
	code := func(b *config.Backend) { b.ReturnErrorCode = true }
	nothing := func(b *config.Backend) { b.Encoding = "no-op" }
	collection := func(b *config.Backend) { b.IsCollection = true }
	ttl := cacheTTL(time.Minute)
	s := serviceOf(
		object("GET /two", host, "/a", also("/b"), ttl),
		object("GET /group", host, "/a", also("/b", group), ttl),
		object("GET /target", host, "/a", also("/b", func(b *config.Backend) { b.Target = "deep"; b.Deny = []string{"y"} })),
		object("GET /collection", host, "/a", also("/list", collection)),
		object("GET /partial", host, "/a", also("/404"), ttl),
		object("GET /first", host, "/404", also("/b")),
		object("GET /failed", host, "/404", also("/404/2"), ttl),
		object("GET /details", host, "/a", also("/404", details), ttl),
		object("GET /only-details", host, "/404", also("/404", details)),
		object("GET /code", host, "/a", also("/404", code)),
		object("GET /codes", host, "/404", also("/404", code), func(e *config.Endpoint) { e.Backends[0].ReturnErrorCode = true }),
		object("GET /null", host, "/a", also("/null"), ttl),
		object("GET /nulls", host, "/null", also("/null")),
		object("GET /nothing", host, "/a", also("/b", nothing), func(e *config.Endpoint) { nothing(&e.Backends[0]) }),
		object("GET /none", host, "/none", also("/none"), ttl),
		object("GET /string", host, "/a", also("/404/text", func(b *config.Backend) { b.Encoding = "string"; b.Method = "GET" })),
	)
	g := run(t, s)
	for _, c := range []struct {
		path     string
		status   int
		text     string
		complete string
		cached   bool
	}{
		{"/two", 200, `{"a":1,"b":2,"both":"a","deep":{"x":1,"y":2}}`, "true", true},
		{"/group", 200, `{"a":1,"both":"a","g":{"b":2,"deep":{"x":1,"y":2}}}`, "true", true},
		{"/target", 200, `{"a":1,"both":"a","x":1}`, "true", false},
		{"/collection", 200, `{"a":1,"both":"a","collection":[1,2]}`, "true", false},
		{"/partial", 200, `{"a":1,"both":"a"}`, "false", false},
		{"/first", 200, `{"b":2,"deep":{"x":1,"y":2}}`, "false", false},
		{"/failed", 500, ``, "false", false},
		{"/details", 200, `{"a":1,"both":"a","error_x":{"http_status_code":404,"http_body":"no /404","http_body_encoding":"text/x-reason"}}`, "false", false},
		{"/only-details", 200, `{"error_x":{"http_status_code":404,"http_body":"no /404","http_body_encoding":"text/x-reason"}}`, "false", false},
		{"/code", 200, `{"a":1,"both":"a"}`, "false", false},
		{"/codes", 500, ``, "false", false},
		{"/null", 200, `{"a":1,"both":"a"}`, "false", false},
		{"/nulls", 200, `{}`, "false", false},
		{"/nothing", 200, `{}`, "false", false},
		{"/none", 200, `{}`, "false", false},
		{"/string", 200, `{"a":1,"both":"a"}`, "false", false},
	} {
		got := g.send(t, "GET "+c.path, "")
		got.check(t, c.path, c.status, c.text, c.complete)
		if cache := got.Header.Get("Cache-Control"); (cache == "public, max-age=60") != c.cached {
			t.Errorf("%s: Cache-Control: %q", c.path, cache)
		}
	}
}

func TestErrorsOfAllBackendsAreTold(t *testing.T) {
	host := upstream(t, says)
	code := func(e *config.Endpoint) { e.Backends[0].ReturnErrorCode = true }
	s := serviceOf(object("GET /a", host, "/404", also("/404")), object("GET /b", host, "/404/1", also("/404/1"), code), object("GET /c", host, "/a", also("/404")))
	s.Router.ReturnErrorMsg = true
	g := run(t, s)
	line := "invalid status code 404 [GET /404]: " + host + "/404"
	got := g.send(t, "GET /a", "")
	got.check(t, "/a", 500, line+"\n"+line, "false")
	if typ := got.Header.Get("Content-Type"); typ != "text/plain; charset=utf-8" {
		t.Errorf("Content-Type: %s", typ)
	}
	got = g.send(t, "GET /b", "")
	if got.StatusCode != 500 || !strings.Contains(got.Text, "no /404/1") || !strings.Contains(got.Text, "invalid status code 404") {
		t.Errorf("got %d %q", got.StatusCode, got.Text)
	}
	g.send(t, "GET /c", "").check(t, "/c", 200, `{"a":1,"both":"a"}`, "false")
}

func TestOfOneKeyTheLastAnswerCounts(t *testing.T) {
	decoded := make(chan struct{}, 1) // the fast answer has been read
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-decoded
			_, _ = io.WriteString(w, `{"key":"slow"}`)
			return
		}
		_, _ = io.WriteString(w, `{"key":"fast","deep":{"fast":1}}`)
	})
	h := handlerOf(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err == nil && r.URL.Path == "/fast" {
			resp.Body = &closing{resp.Body, func() { decoded <- struct{}{} }}
		}
		return resp, err
	}), object("GET /a", host, "/slow", also("/fast")), object("GET /b", host, "/fast", also("/slow")))
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	for _, path := range []string{"/a", "/b"} {
		h.ask(t, "GET "+path, "").check(t, path, 200, `{"deep":{"fast":1},"key":"slow"}`, "true")
	}
}

// closing tells when a body is closed.
type closing struct {
	io.ReadCloser
	tell func()
}

func (c *closing) Close() error {
	defer c.tell()
	return c.ReadCloser.Close()
}

func TestBackendThatIsTooSlowIsLeftOut(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/never" {
			<-r.Context().Done()
			return
		}
		says(w, r)
	})
	g := serving(t, object("GET /some", host, "/a", also("/never"), timeout(600*time.Millisecond)),
		object("GET /last", host, "/never", also("/a"), timeout(600*time.Millisecond)),
		object("GET /all", host, "/never", also("/never"), timeout(100*time.Millisecond)))
	for _, path := range []string{"/some", "/last"} {
		began := time.Now()
		g.send(t, "GET "+path, "").check(t, path, 200, `{"a":1,"both":"a"}`, "false")
		if took := time.Since(began); took < 505*time.Millisecond {
			t.Errorf("%s: backends were given up after %v, 85%% of the timeout are theirs", path, took)
		}
	}
	g.send(t, "GET /all", "").check(t, "/all", 500, "", "false")
}

// KrakenD gives the body of a GET to one of them only (KrakenD v3, 9): ours all get it.
func TestBodiesReachEveryBackendWhole(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, `{"`+r.URL.Path+`":"`+string(text)+` `+r.Trailer.Get("X-Sum")+r.Header.Get("X-A")+`"}`)
	})
	second := func(b *config.Backend) { b.InputHeaders = []string{"X-B"}; b.InputQueryStrings = []string{"q"} }
	e := []config.Endpoint{
		object("POST /a", host, "/1", also("/2", second), also("/3"), inputHeaders("X-A", "X-Sum"), inputQuery("*")),
		object("GET /a", host, "/1", also("/2", second), also("/3"), inputHeaders("X-A", "X-Sum")),
	}
	g := serving(t, e...)
	for _, method := range []string{"POST", "GET"} {
		g.send(t, method+" /a?q=1&p=2", "hello", "X-A: h").check(t, method, 200, `{"/1":"hello h","/2":"hello ","/3":"hello h"}`, "true")
		g.send(t, method+" /a", "").check(t, method, 200, `{"/1":" ","/2":" ","/3":" "}`, "true")
		req, err := http.NewRequestWithContext(t.Context(), method, g.URL+"/a", io.MultiReader(strings.NewReader("chunked")))
		if err != nil {
			t.Fatal(err)
		}
		req.Trailer = http.Header{"X-Sum": {"sum"}}
		resp, err := g.Client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if want := `{"/1":"chunked sum","/2":"chunked sum","/3":"chunked sum"}`; err != nil || string(text) != want {
			t.Errorf("%s: got %s, %v, want %s", method, text, err, want)
		}
	}
}

func TestBodyThatIsTooLongForSeveralBackendsIsRefused(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		if n != 32<<20 {
			t.Errorf("the backend got %d bytes", n)
		}
		_, _ = io.WriteString(w, `{"a":1}`)
	})
	g := serving(t, object("POST /a", host, "/", also("/")))
	for _, c := range []struct{ length, status int }{{32 << 20, 200}, {32<<20 + 1, 413}} {
		for _, body := range []io.Reader{bytes.NewReader(make([]byte, c.length)), io.LimitReader(zeros{}, int64(c.length))} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+"/a", body)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := g.Client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Errorf("%d bytes: got %d, want %d", c.length, resp.StatusCode, c.status)
			}
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestClientThatSendsNothingDoesNotOutliveTheTimeout(t *testing.T) {
	g := serving(t, object("POST /a", "http://127.0.0.1:1", "/", also("/"), timeout(50*time.Millisecond)))
	body, end := io.Pipe()
	defer func() { _ = end.Close() }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+"/a", body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := g.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 500 {
		t.Errorf("got %d", resp.StatusCode)
	}
}

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestCallsThatPanicAreFailures(t *testing.T) {
	host := upstream(t, says)
	h := handlerOf(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/panic" {
			panic("at the disco")
		}
		return http.DefaultTransport.RoundTrip(r)
	}), object("GET /a", host, "/panic", also("/a")), object("GET /b", host, "/a", also("/panic")))
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	for _, path := range []string{"/a", "/b"} {
		h.ask(t, "GET "+path, "").check(t, path, 200, `{"a":1,"both":"a"}`, "false")
	}
}

func TestAroundWrapsTheTransportOfEachBackend(t *testing.T) {
	host := upstream(t, says)
	var mu sync.Mutex
	called := map[string]int{}
	s := serviceOf(object("GET /a", host, "/a", also("/b")))
	h, err := handlerAround(t, s, http.DefaultTransport, func(b *config.Backend, next http.RoundTripper) (http.RoundTripper, error) {
		if b.URLPattern == "/refused" {
			return nil, errors.New("url_pattern: refused")
		}
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			called[b.URLPattern+" for "+r.URL.Path]++
			mu.Unlock()
			return next.RoundTrip(r)
		}), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	h.ask(t, "GET /a", "").check(t, "/a", 200, `{"a":1,"b":2,"both":"a","deep":{"x":1,"y":2}}`, "true")
	if len(called) != 2 || called["/a for /a"] != 1 || called["/b for /b"] != 1 {
		t.Errorf("got %v", called)
	}
	s.Endpoints[0].Backends[1].URLPattern = "/refused"
	if _, err := handlerAround(t, s, nil, func(b *config.Backend, next http.RoundTripper) (http.RoundTripper, error) {
		if b.URLPattern == "/refused" {
			return nil, errors.New("url_pattern: refused")
		}
		return next, nil
	}); err == nil || err.Error() != "endpoints[0].backend[1].url_pattern: refused" {
		t.Errorf("got error %v", err)
	}
}
