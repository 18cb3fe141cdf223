package gateway

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatemeter/gatemeter/gateway/auth"
	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/modify"
	"github.com/gatemeter/gatemeter/gateway/pipe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen before it gives up.
const patience = 10 * time.Second

// upstream starts a backend that ends with the test.
func upstream(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// noop is a no-op endpoint: "GET /path" in front of the backend's url_pattern.
func noop(route, host, pattern string, change ...func(*config.Endpoint)) config.Endpoint {
	return endpointOf("no-op", route, host, pattern, change...)
}

// object is a json endpoint.
func object(route, host, pattern string, change ...func(*config.Endpoint)) config.Endpoint {
	return endpointOf("json", route, host, pattern, change...)
}

func endpointOf(encoding, route, host, pattern string, change ...func(*config.Endpoint)) config.Endpoint {
	method, path, _ := strings.Cut(route, " ")
	e := config.Endpoint{
		Path: path, Method: method, Timeout: patience, OutputEncoding: encoding,
		Backends: []config.Backend{{URLPattern: pattern, Method: method, Hosts: []string{host}, Encoding: encoding}},
	}
	for _, f := range change {
		f(&e)
	}
	return e
}

func inputHeaders(names ...string) func(*config.Endpoint) {
	return func(e *config.Endpoint) { e.InputHeaders = names }
}

func inputQuery(names ...string) func(*config.Endpoint) {
	return func(e *config.Endpoint) { e.InputQueryStrings = names }
}

func timeout(d time.Duration) func(*config.Endpoint) {
	return func(e *config.Endpoint) { e.Timeout = d }
}

// running is a gateway under test, on a free port.
type running struct {
	*Gateway
	URL    string
	Client *http.Client
	stop   func() error // ends Run and returns its error; once
}

// run starts a gateway that serves s, and stops it with the test.
func run(t testing.TB, s *config.Service) *running {
	t.Helper()
	return runAs(t, s, Options{})
}

// runAs is run with options; a missing logger discards.
func runAs(t testing.TB, s *config.Service, o Options) *running {
	t.Helper()
	s.ListenIP, s.Port = "127.0.0.1", 0
	o.Version = "1.2.3"
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	g, err := New(s, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	transport := &http.Transport{DisableCompression: true}
	stopped := false
	r := &running{Gateway: g, URL: "http://" + g.Addr(), Client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	r.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// serving is a gateway with these endpoints.
func serving(t testing.TB, endpoints ...config.Endpoint) *running {
	t.Helper()
	return run(t, serviceOf(endpoints...))
}

// starter starts a gateway with these endpoints.
type starter func(t testing.TB, endpoints ...config.Endpoint) *running

// bothWays runs a test without the integration and with it: streams, upgrades and
// ends must not tell the difference.
func bothWays(t *testing.T, f func(t *testing.T, start starter)) {
	t.Run("bare", func(t *testing.T) { f(t, serving) })
	t.Run("metered", func(t *testing.T) {
		f(t, func(t testing.TB, endpoints ...config.Endpoint) *running {
			t.Helper()
			s := serviceOf(endpoints...)
			s.Moesif = newCollector(t).config()
			return run(t, s)
		})
	})
}

func serviceOf(endpoints ...config.Endpoint) *config.Service {
	return &config.Service{Endpoints: endpoints}
}

// reply is a whole answer.
type reply struct {
	*http.Response
	Text string
}

// send makes one request: "GET /path", header lines "Name: value" after it.
func (r *running) send(t testing.TB, route, body string, headers ...string) reply {
	t.Helper()
	method, path, _ := strings.Cut(route, " ")
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, r.URL+path, content)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Add(name, value)
	}
	resp, err := r.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp, string(text)}
}

// asked is a handler under test, without a server and with a transport of the test's.
type asked struct{ http.Handler }

func handlerOf(t testing.TB, transport http.RoundTripper, endpoints ...config.Endpoint) asked {
	t.Helper()
	h, err := handlerAround(t, serviceOf(endpoints...), transport, nil)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// partsOf is a gateway that serves nothing, with what its handler is compiled from.
func partsOf(t testing.TB, s *config.Service) *Gateway {
	t.Helper()
	g := &Gateway{service: s, logger: slog.New(slog.DiscardHandler), caches: modify.NewCaches(s)}
	g.auth = auth.NewKeeper(s, g.logger)
	t.Cleanup(g.letGo)
	var err error
	if g.limits, err = newLimits(g, pipe.Clients{}, nil); err != nil {
		t.Fatal(err)
	}
	return g
}

func handlerAround(t testing.TB, s *config.Service, transport http.RoundTripper, around func(*config.Backend, http.RoundTripper) (http.RoundTripper, error)) (asked, error) {
	t.Helper()
	g := partsOf(t, s)
	shadows := pipe.NewShadows(g.logger)
	t.Cleanup(shadows.Close)
	h, err := newHandler(g, &pipe.Options{Transport: transport, Around: around, Version: "1.2.3", Tunnels: &pipe.Tunnels{}, Shadows: shadows, Logger: g.logger})
	return asked{h}, err
}

// ask makes one request in the process.
func (a asked) ask(t testing.TB, route, body string) reply {
	t.Helper()
	method, path, _ := strings.Cut(route, " ")
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, content))
	return reply{w.Result(), w.Body.String()}
}
