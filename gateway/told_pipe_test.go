package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"

	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/gatemeter/gatemeter/gateway/config"
)

const pipes = "krakend.proxy.duration"

// telling is a service whose layers tell c everything.
func telling(c *otlpCollector, endpoints ...config.Endpoint) *config.Service {
	s := serviceOf(endpoints...)
	s.OpenTelemetry = c.of()
	s.OpenTelemetry.Proxy = config.Layer{Metrics: true, Traces: true}
	return s
}

func TestThePipesSpanIsBetweenTheRequestsAndTheCalls(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"ok":true}`) })
	c := toldByHTTP(t)
	g := run(t, telling(c, object("GET /a/{id}", host, "/{id}"), object("GET /quiet/{id}", host, "/")))
	answers(t, "the call", g.send(t, "GET /a/s3cret", "", traceparent), 200, `{"ok":true}`, "")
	answers(t, "a quiet call", g.send(t, "GET /quiet/1", ""), 200, `{"ok":true}`, "")
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	server, inner, client := c.span(t, trace.Span_SPAN_KIND_SERVER), c.span(t, trace.Span_SPAN_KIND_INTERNAL), c.span(t, trace.Span_SPAN_KIND_CLIENT)
	if string(inner.GetParentSpanId()) != string(server.GetSpanId()) || string(client.GetParentSpanId()) != string(inner.GetSpanId()) {
		t.Errorf("not one below the other:\n%v\n%v\n%v", server, inner, client)
	}
	if inner.GetName() != "proxy GET /a/{id}" || strings.Contains(inner.String(), "s3cret") {
		t.Errorf("the pipe's span is %v", inner)
	}
	equal(t, "pipes", c.lines(pipes), []string{"1 map[complete:true http.request.method:GET http.route:/a/{id}]"})
}

func TestPipesTellWhetherTheirAnswersAreWhole(t *testing.T) {
	broken := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		_, _ = io.WriteString(w, strings.Repeat("a", 500_000)) // more than a gateway keeps back
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	c := toldByGRPC(t)
	g := run(t, telling(c, noop("GET /cut", broken, "/"), object("GET /away", "http://127.0.0.1:1", "/")))
	answers(t, "an error", g.send(t, "GET /away", ""), 500, "", "")
	resp, err := g.Client.Get(g.URL + "/cut")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the client should notice that its answer is broken")
	}
	_ = resp.Body.Close()
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(append(c.lines(""), c.lines(pipes)...), "\n")
	for _, want := range []string{"proxy GET /away map[complete:false error.type:500 ", "proxy GET /cut map[complete:false error.type:aborted ", "1 map[complete:false error.type:500 ", "1 map[complete:false error.type:aborted "} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing is %s in\n%s", want, all)
		}
	}
}

// What an endpoint or a backend says replaces a layer of the root, both ways.
func TestEndpointsAndBackendsSayThemselvesWhatTheyTell(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"ok":true}`) })
	off, spans := &config.Layer{}, &config.Layer{Traces: true}
	tell := func(pipe, calls *config.Layer) func(*config.Endpoint) {
		return func(e *config.Endpoint) { e.Told, e.Backends[0].Told = pipe, calls }
	}
	c := toldByHTTP(t)
	g := run(t, telling(c, object("GET /all", host, "/"), object("GET /none", host, "/", tell(off, off)), object("GET /spans", host, "/", tell(spans, off))))
	for _, route := range []string{"GET /all", "GET /none", "GET /spans"} {
		g.send(t, route, "")
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(c.lines(""), "\n")
	for want, n := range map[string]int{"SERVER": 3, "proxy GET /all": 1, "proxy GET /none": 0, "proxy GET /spans": 1, "CLIENT": 1} {
		if got := strings.Count(all, want); got != n {
			t.Errorf("%d spans are %s, want %d", got, want, n)
		}
	}
	if got := c.lines(pipes); len(got) != 1 || !strings.Contains(got[0], "/all") {
		t.Errorf("pipes: %v", got)
	}

	c = toldByHTTP(t)
	s := telling(c, object("GET /quiet-by-default", host, "/"), object("GET /told", host, "/", tell(spans, spans)))
	s.OpenTelemetry.Proxy, s.OpenTelemetry.Backend = config.Layer{}, config.Layer{}
	g = run(t, s)
	g.send(t, "GET /quiet-by-default", "")
	g.send(t, "GET /told", "")
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	all = strings.Join(c.lines(""), "\n")
	if strings.Count(all, "CLIENT") != 1 || strings.Count(all, "proxy ") != 1 || !strings.Contains(all, "proxy GET /told") {
		t.Errorf("spans:\n%s", all)
	}
	if got := append(c.lines(pipes), c.lines("http.client.request.duration")...); len(got) != 0 {
		t.Errorf("metrics: %v", got)
	}
}

func TestAPipeNobodyTellsOfIsLeftAlone(t *testing.T) {
	c := toldByHTTP(t)
	s := serviceOf()
	s.OpenTelemetry = c.of()
	g := run(t, s)
	if got := g.telemetry.NewPipe(nil, "GET", "/a"); got != nil || tellOf(got, health{}) != (health{}) {
		t.Errorf("got %v", got)
	}
	s = serviceOf()
	if got := run(t, s).telemetry.NewPipe(&config.Layer{Traces: true}, "GET", "/a"); got != nil {
		t.Errorf("without the block: got %v", got)
	}
}
