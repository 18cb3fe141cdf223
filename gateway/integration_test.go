package gateway

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// event is what the tests look at of an event.
type event struct {
	Request struct {
		URI, Verb string
		Headers   json.RawMessage
	}

	Response struct {
		Status int
		Body   json.RawMessage
	}
	UserID    string `json:"user_id"`
	BlockedBy string `json:"blocked_by"`
	Metadata  struct {
		Gatemeter struct{ Route, Refused, Identity string }
	}
}

// collector stands for the platform.
type collector struct {
	URL    string
	events chan event
	down   atomic.Bool
	rules  atomic.Pointer[string] // nil: none
}

func newCollector(t testing.TB) *collector {
	c := &collector{events: make(chan event, 100)}
	c.URL = upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if c.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		switch r.URL.Path {
		case "/v1/config":
			_, _ = io.WriteString(w, `{}`)
			return
		case "/v1/rules":
			rules := "[]"
			if set := c.rules.Load(); set != nil {
				rules = *set
			}
			_, _ = io.WriteString(w, rules)
			return
		}
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		var batch []event
		if err := json.NewDecoder(z).Decode(&batch); err != nil {
			t.Error(err)
		}
		for _, e := range batch {
			c.events <- e
		}
		w.WriteHeader(http.StatusCreated)
	})
	return c
}

// config is a telemetry/moesif block that reports to the collector.
func (c *collector) config() *moesif.Config {
	return &moesif.Config{
		ApplicationID: "app", UserIDHeaders: []string{"Authorization"}, UserIDJWTClaim: "sub",
		BatchSize: 1, TimerWakeUp: 20 * time.Millisecond, EventQueueSize: 1000, EventQueueBytes: 1 << 20,
		LogBody: true, CollectorURL: c.URL, RequestMaxBodySize: 1000, ResponseMaxBodySize: 1000, DrainTimeout: patience,
	}
}

func TestEveryAnswerBecomesAnEventThatKnowsItsRoute(t *testing.T) {
	c := newCollector(t)
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, `{"ok":true}`) })
	s := serviceOf(noop("GET /user/{id}", host, "/{id}"), object("GET /json/{id}", host, "/{id}"), noop("GET /down", "http://127.0.0.1:1", "/"))
	s.Moesif, s.EchoEndpoint = c.config(), true
	g := run(t, s)
	g.send(t, "GET /__health", "")
	g.send(t, "GET /__echo/x", "")
	for _, want := range []struct {
		route, pattern, refused string
		status                  int
	}{
		{"GET /user/7?a=1", "/user/{id}", "", 200},
		{"GET /json/7", "/json/{id}", "", 200},
		{"GET /down", "/down", "", 500},
		{"GET /none", "", moesif.NotFound, 404},
		{"PUT /down", "", moesif.MethodNotAllowed, 405},
		{"GET /DOWN", "", redirected, 301},
		{"GET /user/%2e%2e", "/user/{id}", moesif.BadRequest, 400},
	} {
		g.send(t, want.route, "", "Authorization: Basic YW5uOng=")
		got := heard(t, c.events, "the event of "+want.route)
		meta := got.Metadata.Gatemeter
		method, path, _ := strings.Cut(want.route, " ")
		if meta.Route != want.pattern || meta.Refused != want.refused || got.Response.Status != want.status ||
			got.UserID != "ann" || got.Request.Verb != method || !strings.HasSuffix(got.Request.URI, path) {
			t.Errorf("%s: got %+v", want.route, got)
		}
		if want.status == 200 && string(got.Response.Body) != `{"ok":true}` {
			t.Errorf("%s: body %s", want.route, got.Response.Body)
		}
	}
}

func TestWhatShouldBeSkippedIsNotReported(t *testing.T) {
	c := newCollector(t)
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	s := serviceOf(noop("GET /user/{id}", host, "/{id}"))
	s.Moesif = c.config()
	s.Moesif.ShouldSkip = `req_params.Id == '7' && hasHeader('x-probe') && resp_metadata_status == 204`
	g := run(t, s)
	g.send(t, "GET /user/7", "", "X-Probe: 1")
	g.send(t, "GET /user/8", "", "X-Probe: 1")
	if got := heard(t, c.events, "the event that is not skipped"); !strings.HasSuffix(got.Request.URI, "/user/8") {
		t.Errorf("got %+v", got)
	}
	if books := g.integration.Stats(); books.Skipped != 1 || books.Captured != 2 {
		t.Errorf("the books say %+v", books)
	}
}

func TestWebsocketIsReportedWhenItIsUpgraded(t *testing.T) {
	c := newCollector(t)
	s := serviceOf(noop("GET /ws", upstream(t, echoUpgrade), "/", inputHeaders("*")))
	s.Moesif = c.config()
	g := run(t, s)
	upgraded(t, g.Addr(), "/ws", "")
	if got := heard(t, c.events, "the event"); got.Response.Status != 101 || got.Metadata.Gatemeter.Route != "/ws" {
		t.Errorf("got %+v", got)
	}
}

// TestEventsAreDeliveredWhileAStreamStaysOpen: the drain starts with the signal, not
// with the end of the last request.
func TestEventsAreDeliveredWhileAStreamStaysOpen(t *testing.T) {
	c := newCollector(t)
	open, end := make(chan struct{}), make(chan struct{})
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			w.(http.Flusher).Flush()
			open <- struct{}{}
			<-end
		}
	})
	s := serviceOf(noop("GET /{x}", host, "/{x}"))
	s.Moesif = c.config()
	s.Moesif.BatchSize, s.Moesif.TimerWakeUp = 100, time.Hour
	g := run(t, s)
	streamed := make(chan error, 1)
	go func() {
		resp, err := g.Client.Get(g.URL + "/stream")
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		streamed <- err
	}()
	heard(t, open, "the stream")
	g.send(t, "GET /quick", "")
	stopped := make(chan error, 1)
	go func() { stopped <- g.stop() }()
	if got := heard(t, c.events, "the event of a request that had ended"); got.Metadata.Gatemeter.Route != "/{x}" || got.Response.Status != 200 {
		t.Errorf("got %+v", got)
	}
	close(end)
	if err := heard(t, streamed, "the stream's end"); err != nil {
		t.Error(err)
	}
	heard(t, c.events, "the event of the stream")
	if err := heard(t, stopped, "the end of Run"); err != nil {
		t.Error(err)
	}
}

func TestStopEndsAtDrainTimeoutWithTheCollectorDown(t *testing.T) {
	c := newCollector(t)
	c.down.Store(true)
	s := serviceOf(noop("GET /a", upstream(t, echoURI), "/"))
	s.Moesif = c.config()
	s.Moesif.DrainTimeout = 50 * time.Millisecond
	g := run(t, s)
	g.send(t, "GET /a", "")
	if err := g.stop(); err != nil {
		t.Errorf("an outage of the collector is no error of the gateway: %v", err)
	}
	if n := g.integration.Stats().Sent; n != 0 {
		t.Errorf("%d events sent", n)
	}
}

func TestStopCutsRequestsAtMaxShutdownWaitTime(t *testing.T) {
	open := make(chan struct{})
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		close(open)
		<-r.Context().Done()
	})
	s := serviceOf(noop("GET /a", host, "/"))
	s.MaxShutdownWaitTime = 20 * time.Millisecond
	g := run(t, s)
	cut := make(chan error, 1)
	go func() {
		resp, err := g.Client.Get(g.URL + "/a")
		if err == nil {
			_ = resp.Body.Close()
		}
		cut <- err
	}()
	heard(t, open, "the request")
	if err := g.stop(); err != nil {
		t.Error(err)
	}
	if err := heard(t, cut, "the request's end"); err == nil {
		t.Error("the request should have been cut")
	}
}

func TestBusyPortsNameWhatMovesThem(t *testing.T) {
	taken := serving(t).listener.Addr().(*net.TCPAddr)
	for want, s := range map[string]*config.Service{
		"port: listen tcp " + taken.String() + ": bind: address already in use: choose another with -p":                                          {ListenIP: "127.0.0.1", Port: taken.Port},
		"telemetry/metrics.listen_address: listen tcp " + taken.String() + ": bind: address already in use: choose another, or remove the block": {ListenIP: "127.0.0.1", Metrics: &config.Metrics{ListenAddress: taken.String()}},
	} {
		g, err := New(s, Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Run(t.Context()); err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
	}
}

func TestMetricsListenerTellsCountsAndBooks(t *testing.T) {
	c := newCollector(t)
	s := serviceOf(noop("GET /a/{id}", upstream(t, echoURI), "/"))
	s.Moesif = c.config()
	s.Metrics = &config.Metrics{ListenAddress: "127.0.0.1:0"}
	g := run(t, s)
	g.send(t, "GET /a/1", "")
	g.send(t, "GET /none", "")
	heard(t, c.events, "an event")
	heard(t, c.events, "an event")
	read := func(path string) string {
		resp, err := g.Client.Get("http://" + g.MetricsAddr() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %d, %v", path, resp.StatusCode, err)
		}
		return string(text)
	}
	text := read("/metrics")
	for _, line := range []string{
		`gatemeter_requests_total{method="GET",route="/a/{id}",status="200"} 1`,
		`gatemeter_requests_total{method="",route="",status="404"} 1`,
		`gatemeter_request_duration_seconds_count{method="GET",route="/a/{id}"} 1`,
		`gatemeter_requests_in_flight 0`,
		`gatemeter_events_captured_total 2`,
		`gatemeter_events_total{outcome="skipped",reason=""} 0`,
		`gatemeter_events_total{outcome="skipped",reason="sampled"} 0`,
		`gatemeter_governed_requests_total{action="block"} 0`,
		`gatemeter_governed_requests_total{action="modify"} 0`,
		"gatemeter_rules 0", "gatemeter_rules_age_seconds ", "gatemeter_spool_events 0", "gatemeter_spool_bytes 0",
		"gatemeter_events_total{outcome=\"sent\",reason=\"\"} ", "gatemeter_queue_events ", "gatemeter_queue_bytes ",
	} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("/metrics lacks %s", line)
		}
	}
	var stats map[string]any
	if err := json.Unmarshal([]byte(read("/__stats/")), &stats); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"krakend.router.connected":                             0.,
		"krakend.router.connected-total":                       2.,
		"krakend.router.response.GET /a/{id}.status.200.count": 1.,
		"krakend.router.response.GET /a/{id}.time.count":       1.,
	} {
		if stats[name] != want {
			t.Errorf("/__stats/: %s is %v, want %v", name, stats[name], want)
		}
	}
}

func TestHandlerThatPanicsAnswers500(t *testing.T) {
	g := serving(t)
	h := g.handler.(*handler)
	h.govern = func(http.ResponseWriter, *http.Request) bool { panic("bug") }
	if got := g.send(t, "GET /none", ""); got.StatusCode != 500 || got.Text != "" {
		t.Errorf("got %d %q", got.StatusCode, got.Text)
	}
}

func TestGovernThatAnswersEndsTheRequest(t *testing.T) {
	asked := false
	host := upstream(t, func(http.ResponseWriter, *http.Request) { asked = true })
	g := serving(t, noop("GET /a", host, "/"))
	g.handler.(*handler).govern = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusPaymentRequired)
		return false
	}
	for _, path := range []string{"/a", "/none", "/A"} {
		if got := g.send(t, "GET "+path, ""); got.StatusCode != http.StatusPaymentRequired || asked {
			t.Errorf("%s: got %d, backend asked: %v", path, got.StatusCode, asked)
		}
	}
	if got := g.send(t, "GET /__health", ""); got.StatusCode != 200 {
		t.Errorf("health is not governed, got %d", got.StatusCode)
	}
}

func TestRulesAreEnforcedBeforeTheBackend(t *testing.T) {
	c := newCollector(t)
	rules := `[{"_id":"paid","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"request.route","value":"^/(paid|none)"}]}],
		"response":{"status":402,"headers":{"X-Why":"plan"},"body":{"error":"pay"}}},
		{"_id":"old","type":"regex","regex_config":[{"conditions":[{"path":"request.route","value":"^/old"}]}],"response":{"headers":{"Deprecation":"true","X-Krakend":"mine"}}}]`
	c.rules.Store(&rules)
	asked := make(chan string, 10)
	host := upstream(t, func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path })
	s := serviceOf(noop("GET /paid/{id}", host, "/{id}"), noop("GET /old", host, "/old"))
	s.Moesif, s.Router.RemoveExtraSlash = c.config(), true
	g := run(t, s)
	settles(t, "the rules are in force", func() bool { return g.integration.Stats().Rules == 2 })

	// Another spelling of a path that reaches the endpoint does not pass its rule by.
	for _, path := range []string{"/paid/1", "//paid//1", "/p%61id/1", "/none", "//none"} {
		got := g.send(t, "GET "+path, "")
		if got.StatusCode != 402 || got.Text != `{"error":"pay"}` || got.Header.Get("X-Why") != "plan" {
			t.Errorf("%s: got %d %s %v", path, got.StatusCode, got.Text, got.Header)
		}
		e := heard(t, c.events, "an event")
		if e.BlockedBy != "paid" || e.Metadata.Gatemeter.Refused != "blocked" || e.Response.Status != 402 {
			t.Errorf("%s: reported as %+v", path, e)
		}
	}
	if got := g.send(t, "GET /old", ""); got.StatusCode != 200 || got.Header.Get("Deprecation") != "true" || got.Header.Get("X-Krakend") != "mine" {
		t.Errorf("got %d %v", got.StatusCode, got.Header)
	}
	if path := heard(t, asked, "the backend's request"); path != "/old" || len(asked) > 0 {
		t.Errorf("the backend was asked for %s and %d more", path, len(asked))
	}
	if s := g.integration.Stats(); s.Blocked != 5 || s.Modified != 1 {
		t.Errorf("got %+v", s)
	}
}

// settles asks until it is so.
func settles(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !so(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not so: %s", what)
		}
	}
}

func TestAnalyticsThatHangDoNotDelayAnswers(t *testing.T) {
	release := make(chan struct{})
	hung := upstream(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	s := serviceOf(noop("GET /a", upstream(t, echoURI), "/x"))
	s.Moesif = newCollector(t).config()
	s.Moesif.CollectorURL, s.Moesif.DrainTimeout = hung, 10*time.Millisecond
	g := run(t, s)
	for range 50 {
		if got := g.send(t, "GET /a", ""); got.Text != "/x" {
			t.Fatalf("got %q", got.Text)
		}
	}
	if stats := g.integration.Stats(); stats.Captured != 50 || stats.Queued != 50 {
		t.Errorf("got %+v", stats)
	}
	close(release)
}
