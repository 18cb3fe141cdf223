package gateway

import (
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/gatemeter/gatemeter/gateway/config"
)

const (
	traceID     = "0af7651916cd43dd8448eb211c80319c"
	clientSpan  = "b7ad6b7169203331"
	traceparent = "Traceparent: 00-" + traceID + "-" + clientSpan + "-01"
)

func TestOneTraceLeadsFromTheClientToTheBackend(t *testing.T) {
	for name, collector := range map[string]func(*testing.T) *otlpCollector{"HTTP": toldByHTTP, "gRPC": func(t *testing.T) *otlpCollector { return toldByGRPC(t) }} {
		t.Run(name, func(t *testing.T) {
			seen := make(chan http.Header, 1)
			host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
				seen <- r.Header
				w.WriteHeader(201)
			})
			c := collector(t)
			s := serviceOf(noop("GET /orders/{id}", host, "/v1/{id}", inputQuery("*"), func(e *config.Endpoint) { e.Backends[0].ReturnErrorCode = true }))
			s.OpenTelemetry = c.of()
			g := run(t, s)
			answers(t, "the call", g.send(t, "GET /orders/s3cret?key=s3cret", "", traceparent, "Tracestate: vendor=1", "Authorization: s3cret"), 201, "", "")
			if err := g.stop(); err != nil {
				t.Fatal(err)
			}
			server, client := c.span(t, trace.Span_SPAN_KIND_SERVER), c.span(t, trace.Span_SPAN_KIND_CLIENT)
			if got := hex.EncodeToString(server.GetTraceId()) + " " + hex.EncodeToString(server.GetParentSpanId()); got != traceID+" "+clientSpan {
				t.Errorf("the request's span is in %s", got)
			}
			if string(client.GetParentSpanId()) != string(server.GetSpanId()) || string(client.GetTraceId()) != string(server.GetTraceId()) {
				t.Error("the call's span is not below the request's")
			}
			h := <-seen
			if got, want := h.Get("Traceparent"), "00-"+traceID+"-"+hex.EncodeToString(client.GetSpanId())+"-01"; got != want {
				t.Errorf("the backend sees %q, want %q", got, want)
			}
			if got := h.Get("Tracestate"); got != "vendor=1" {
				t.Errorf("the backend sees tracestate %q", got)
			}
			u, _ := url.Parse(host)
			equal(t, "spans", c.lines(""), []string{
				"SPAN_KIND_CLIENT GET map[http.request.method:GET http.response.status_code:201 server.address:127.0.0.1 server.port:" + u.Port() + " url.scheme:http]",
				"SPAN_KIND_SERVER GET /orders/{id} map[http.request.method:GET http.response.status_code:201 http.route:/orders/{id} network.protocol.version:1.1 url.scheme:http]",
			})
			equal(t, "requests", c.lines("http.server.request.duration"), []string{
				"1 map[http.request.method:GET http.response.status_code:201 http.route:/orders/{id} url.scheme:http]",
			})
			equal(t, "calls", c.lines("http.client.request.duration"), []string{
				"1 map[http.request.method:GET http.response.status_code:201 server.address:127.0.0.1 server.port:" + u.Port() + " url.scheme:http]",
			})
			if got := c.resource; got["service.name"] != "shop" || got["service.version"] != "1.4" || got["deployment.environment.name"] != "test" {
				t.Errorf("resource: %v", got)
			}
			for _, s := range c.spans {
				if strings.Contains(s.String(), "s3cret") {
					t.Errorf("a secret is in %v", s)
				}
			}
		})
	}
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}

func TestFailuresAreToldAndQuietPathsAreNot(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/quiet" && r.Header.Get("Traceparent") != "" {
			t.Error("a trace that nobody knows is handed on")
		}
		w.WriteHeader(503)
	})
	away := httptest.NewServer(nil)
	away.Close()
	c := toldByHTTP(t)
	s := serviceOf(noop("GET /busy", host, "/"), noop("GET /away", away.URL, "/"), noop("GET /quiet/{a}", host, "/quiet"))
	s.OpenTelemetry = c.of()
	g := run(t, s)
	for route, status := range map[string]int{"GET /busy": 503, "GET /away": 500, "BREW /none": 404, "GET /__health": 200, "GET /quiet/a": 503} {
		if resp := g.send(t, route, ""); resp.StatusCode != status {
			t.Errorf("%s: %d", route, resp.StatusCode)
		}
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(c.lines(""), "\n")
	for _, want := range []string{
		"SERVER GET /busy map[error.type:503 http.request.method:GET http.response.status_code:503 http.route:/busy",
		"CLIENT GET map[error.type:503 ",
		"SERVER GET /away map[error.type:500 ",
		"CLIENT GET map[error.type:*net.OpError ",
		"SERVER HTTP map[http.request.method:_OTHER http.response.status_code:404 network",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no span is %s", want)
		}
	}
	if n := strings.Count(all, "\n") + 1; n != 5 {
		t.Errorf("%d spans, want 5:\n%s", n, all)
	}
}

func TestWithoutSpansTheClientsTraceIsHandedOnAsItIs(t *testing.T) {
	seen := make(chan string, 1)
	host := upstream(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("Traceparent") })
	c := toldByHTTP(t)
	s := serviceOf(noop("GET /a", host, "/"))
	s.OpenTelemetry = c.of()
	s.OpenTelemetry.Global.Traces, s.OpenTelemetry.Backend.Traces = false, false
	g := run(t, s)
	answers(t, "the call", g.send(t, "GET /a", "", traceparent), 200, "", "")
	if got := "Traceparent: " + <-seen; got != traceparent {
		t.Errorf("the backend sees %q", got)
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	if got := c.lines(""); len(got) > 0 {
		t.Errorf("spans: %v", got)
	}
}

func TestLayersWithoutMetricsTellNone(t *testing.T) {
	c := toldByGRPC(t)
	s := serviceOf(noop("GET /a", upstream(t, echoURI), "/"))
	s.OpenTelemetry = c.of()
	s.OpenTelemetry.Global.Metrics = false
	g := run(t, s)
	g.send(t, "GET /a", "")
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	if requests, calls := c.lines("http.server.request.duration"), c.lines("http.client.request.duration"); len(requests) != 0 || len(calls) != 1 {
		t.Errorf("requests %v, calls %v", requests, calls)
	}
}

func TestWithoutTheBlockNoTraceReachesTheBackend(t *testing.T) {
	seen := make(chan string, 1)
	host := upstream(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("Traceparent") })
	g := serving(t, noop("GET /a", host, "/"))
	answers(t, "the call", g.send(t, "GET /a", "", traceparent), 200, "", "")
	if got := <-seen; got != "" {
		t.Errorf("the backend sees %q", got)
	}
}

func TestSampleRateOfZeroLeavesTheChoiceToTheClient(t *testing.T) {
	host := upstream(t, echoURI)
	c := toldByHTTP(t)
	s := serviceOf(noop("GET /a", host, "/"), noop("GET /chosen", host, "/"))
	s.OpenTelemetry = c.of()
	s.OpenTelemetry.SampleRate = 0
	g := run(t, s)
	g.send(t, "GET /a", "")
	g.send(t, "GET /chosen", "", traceparent)
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	if got := c.span(t, trace.Span_SPAN_KIND_SERVER).GetName(); got != "GET /chosen" {
		t.Errorf("traced: %s", got)
	}
}

func TestPrometheusAsksItsListenerAlsoAfterAReload(t *testing.T) {
	host := upstream(t, echoURI)
	service := func(path string) *config.Service {
		s := serviceOf(noop("GET "+path, host, "/"))
		s.OpenTelemetry = &config.OpenTelemetry{
			Name: "shop", Scrapes: []config.Scrape{{ListenIP: "127.0.0.1", Go: true}},
			Global: config.Layer{Metrics: true, Traces: true}, Backend: config.Layer{Metrics: true, Traces: true},
		}
		return s
	}
	g := run(t, service("/one"))
	g.send(t, "GET /one", "")
	asked := func() string {
		resp, err := g.Client.Get("http://" + g.scrapeListeners[0].Addr().String() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	text := asked()
	for _, want := range []string{
		`http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",http_route="/one",url_scheme="http"} 1`,
		`http_client_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",server_address="127.0.0.1"`,
		`service_name="shop"`,
		"go_goroutines",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "process_open_fds") {
		t.Error("process_metrics is off, and they are there")
	}
	if err := g.reload(t, service("/two")); err != nil {
		t.Fatal(err)
	}
	g.send(t, "GET /two", "")
	if text := asked(); !strings.Contains(text, `http_route="/two"`) || strings.Contains(text, `http_route="/one"`) {
		t.Errorf("after the reload:\n%s", text)
	}
	if err := g.reload(t, serviceOf(noop("GET /three", host, "/"))); err != nil {
		t.Fatal(err)
	}
	if text := asked(); text != "404 page not found\n" {
		t.Errorf("without the block: %s", text)
	}
}

func TestReloadSendsWhatTheGatewayBeforeHasToTell(t *testing.T) {
	host := upstream(t, echoURI)
	c := toldByGRPC(t)
	service := func(path string) *config.Service {
		s := serviceOf(noop("GET "+path, host, "/"))
		s.OpenTelemetry = c.of()
		return s
	}
	g := run(t, service("/one"))
	g.send(t, "GET /one", "")
	if err := g.reload(t, service("/two")); err != nil {
		t.Fatal(err)
	}
	g.send(t, "GET /two", "")
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(c.lines("http.server.request.duration"), "\n")
	if !strings.Contains(all, "/one") || !strings.Contains(all, "/two") {
		t.Errorf("told: %s", all)
	}
}

func TestPortOfAScrapeThatIsTakenIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	s := serviceOf()
	s.ListenIP = "127.0.0.1"
	s.OpenTelemetry = &config.OpenTelemetry{Name: "shop", Scrapes: []config.Scrape{{ListenIP: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}}}
	g, err := New(s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = g.Close(t.Context()) }()
	if err := g.Listen(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "telemetry/opentelemetry.exporters.prometheus[0].port: ") {
		t.Errorf("got %v", err)
	}
}

func TestBrokenAnswersAndWebsocketsAreTold(t *testing.T) {
	broken := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		_, _ = io.WriteString(w, strings.Repeat("a", 500_000)) // more than a gateway keeps back
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	c := toldByHTTP(t)
	s := serviceOf(noop("GET /broken", broken, "/"), noop("GET /ws", upstream(t, echoUpgrade), "/", inputHeaders("*")))
	s.OpenTelemetry = c.of()
	g := run(t, s)
	resp, err := g.Client.Get(g.URL + "/broken")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the client should notice that its answer is broken")
	}
	_ = resp.Body.Close()
	conn, reader, resp := upgraded(t, g.Addr(), "/ws", "hello")
	got := make([]byte, 5)
	if _, err := io.ReadFull(reader, got); err != nil || resp.StatusCode != 101 || string(got) != "hello" {
		t.Fatalf("got %d, %q, %v", resp.StatusCode, got, err)
	}
	_ = conn.Close()
	newest := g.live.newest.Load()
	for deadline := time.Now().Add(patience); newest.requests.Load() > 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the websocket's request does not end")
		}
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(c.lines(""), "\n")
	for _, want := range []string{
		"SERVER GET /broken map[error.type:aborted http.request.method:GET http.response.status_code:200 http.route:/broken",
		"SERVER GET /ws map[http.request.method:GET http.response.status_code:101 http.route:/ws",
		"CLIENT GET map[http.request.method:GET http.response.status_code:101 ",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no span is %s in\n%s", want, all)
		}
	}
}
