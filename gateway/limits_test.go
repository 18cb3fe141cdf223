package gateway

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// hand is a clock that tests move.
type hand struct{ ns atomic.Int64 }

func (h *hand) now() time.Time       { return time.Unix(1_700_000_000, h.ns.Load()).UTC() }
func (h *hand) move(d time.Duration) { h.ns.Add(int64(d)) }

// fromFile is the service of a configuration in JSON, in which HOST stands for host.
func fromFile(t testing.TB, text, host string) *config.Service {
	t.Helper()
	file := filepath.Join(t.TempDir(), "krakend.json")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "HOST", host)), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// limited is a service with one endpoint, GET /a/{id}, and this extra_config.
func limited(t testing.TB, host, extra string) *config.Service {
	t.Helper()
	return fromFile(t, `{"version":3,"host":["HOST"],"endpoints":[{"endpoint":"/a/{id}","input_headers":["*"],"extra_config":`+extra+`,
		"backend":[{"url_pattern":"/{id}"}]}]}`, host)
}

// counting is a backend that counts its calls and answers with an object.
func counting(t testing.TB) (host string, calls *atomic.Int64) {
	t.Helper()
	calls = &atomic.Int64{}
	return upstream(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		_, _ = w.Write([]byte(`{"ok":true}`))
	}), calls
}

// bare checks an answer that a guard gave itself (KrakenD v3, 9.5).
func bare(t testing.TB, got reply, status int) {
	t.Helper()
	if got.StatusCode != status || got.Text != "" {
		t.Errorf("%s: got %d %q, want %d and no body", got.Request.URL.Path, got.StatusCode, got.Text, status)
	}
	for _, name := range []string{"X-Krakend", "X-Krakend-Completed", "Content-Type"} {
		if v, there := got.Header[name]; there {
			t.Errorf("%d has a %s: %q", status, name, v)
		}
	}
}

func TestEndpointLimitAnswers503(t *testing.T) {
	host, calls := counting(t)
	h := &hand{}
	g := runAs(t, limited(t, host, `{"qos/ratelimit/router":{"max_rate":2,"capacity":3}}`), Options{now: h.now})
	for range 3 {
		if got := g.send(t, "GET /a/1", ""); got.StatusCode != 200 || got.Header.Get("X-Krakend-Completed") != "true" {
			t.Fatalf("got %d", got.StatusCode)
		}
	}
	bare(t, g.send(t, "GET /a/1", ""), 503)
	h.move(500 * time.Millisecond)
	if got := g.send(t, "GET /a/1", ""); got.StatusCode != 200 {
		t.Errorf("a token later: got %d", got.StatusCode)
	}
	bare(t, g.send(t, "GET /a/2", ""), 503)
	if n := calls.Load(); n != 4 {
		t.Errorf("the backend has %d calls, want 4", n)
	}
}

func TestClientLimitAnswers429AndIsAskedFirst(t *testing.T) {
	host, calls := counting(t)
	h := &hand{}
	g := runAs(t, limited(t, host, `{"qos/ratelimit/router":{"max_rate":3,"client_max_rate":1,"strategy":"header","key":"x-client"}}`), Options{now: h.now})
	for range 10 { // nine of them take nothing from the endpoint's bucket
		got := g.send(t, "GET /a/1", "", "X-Client: a")
		if got.StatusCode != 200 {
			bare(t, got, 429)
		}
	}
	bare(t, g.send(t, "GET /a/1", ""), 429) // who does not say who it is
	for _, client := range []string{"b", "c"} {
		if got := g.send(t, "GET /a/1", "", "X-Client: "+client); got.StatusCode != 200 {
			t.Errorf("client %s: got %d", client, got.StatusCode)
		}
	}
	full := g.send(t, "GET /a/1", "", "X-Client: d")
	bare(t, full, 503)
	for name := range full.Header { // nothing tells of the limit
		if name != "Date" && name != "Content-Length" {
			t.Errorf("503 has a %s", name)
		}
	}
	if n := calls.Load(); n != 3 {
		t.Errorf("the backend has %d calls, want 3", n)
	}
}

func TestClientsAreToldApartByStrategy(t *testing.T) {
	host, _ := counting(t)
	for _, tt := range []struct {
		name, strategy   string
		first, same, new string // route and headers
	}{
		{"address", `"strategy":"ip"`, "/a/1|X-Forwarded-For: 203.0.113.1", "/a/2|X-Forwarded-For: 203.0.113.1, 10.0.0.1", "/a/1|X-Forwarded-For: 203.0.113.2"},
		{"address in a header", `"strategy":"ip","key":"cf-connecting-ip"`, "/a/1|Cf-Connecting-Ip: 203.0.113.1", "/a/1|Cf-Connecting-Ip: 203.0.113.1:99", "/a/1|Cf-Connecting-Ip: 203.0.113.2"},
		{"header", `"strategy":"HEADER","key":"authorization"`, "/a/1|Authorization: Bearer a", "/a/2|Authorization: Bearer a", "/a/1|Authorization: Bearer b"},
		{"parameter", `"strategy":"param","key":"id"`, "/a/1|X: y", "/a/1|X: z", "/a/2|X: y"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &hand{}
			g := runAs(t, limited(t, host, `{"qos/ratelimit/router":{"client_max_rate":10,"client_capacity":1,`+tt.strategy+`}}`), Options{now: h.now})
			for _, call := range []struct {
				request string
				want    int
			}{{tt.first, 200}, {tt.same, 429}, {tt.new, 200}, {tt.first, 429}} {
				path, header, _ := strings.Cut(call.request, "|")
				if got := g.send(t, "GET "+path, "", header); got.StatusCode != call.want {
					t.Errorf("%s: got %d, want %d", call.request, got.StatusCode, call.want)
				}
			}
		})
	}
}

// backendWith is a service with one endpoint, GET /a/{id} or POST /a/{id}, whose backend has this
// extra_config and encoding.
func backendWith(t testing.TB, host, encoding, extra string) *config.Service {
	t.Helper()
	endpoint := func(method string) string {
		return `{"endpoint":"/a/{id}","method":"` + method + `","output_encoding":"` + encoding + `",
			"backend":[{"url_pattern":"/{id}","encoding":"` + encoding + `","extra_config":` + extra + `}]}`
	}
	return fromFile(t, `{"version":3,"host":["HOST"],"endpoints":[`+endpoint("GET")+`,`+endpoint("POST")+`],
		"extra_config":{"router":{"return_error_msg":true}}}`, host)
}

func TestBackendLimitIsAnErrorOfTheBackend(t *testing.T) {
	host, calls := counting(t)
	for _, encoding := range []string{"json", "no-op"} {
		h := &hand{}
		calls.Store(0)
		g := runAs(t, backendWith(t, host, encoding, `{"qos/ratelimit/proxy":{"max_rate":60,"capacity":2,"every":"1m"}}`), Options{now: h.now})
		for i, want := range []int{200, 200, 500, 500} {
			got := g.send(t, "GET /a/1", "")
			if got.StatusCode != want {
				t.Errorf("%s: call %d: got %d, want %d", encoding, i, got.StatusCode, want)
			}
			if want == 500 && (got.Header.Get("X-Krakend-Completed") != "false" || !strings.Contains(got.Text, "rate limit of the backend exceeded")) {
				t.Errorf("%s: got %q, %v", encoding, got.Text, got.Header)
			}
		}
		if got := g.send(t, "POST /a/1", "a body"); got.StatusCode != 200 {
			t.Errorf("another backend: got %d", got.StatusCode)
		}
		g.send(t, "POST /a/1", "a body")
		if got := g.send(t, "POST /a/1", strings.Repeat("x", 1<<20)); got.StatusCode != 500 {
			t.Errorf("with a body: got %d", got.StatusCode)
		}
		h.move(time.Second)
		if got := g.send(t, "GET /a/1", ""); got.StatusCode != 200 {
			t.Errorf("a token later: got %d", got.StatusCode)
		}
		if n := calls.Load(); n != 5 {
			t.Errorf("%s: the backend has %d calls, want 5", encoding, n)
		}
	}
}

// What one of several backends refuses leaves a partial answer.
func TestALimitedBackendIsLeftOutOfAnAnswer(t *testing.T) {
	host, _ := counting(t)
	down := upstream(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	for _, tt := range []struct {
		at, extra   string
		first, then string
	}{
		{host, `{"qos/ratelimit/proxy":{"max_rate":1}}`, "true", "false"},
		{down, `{"qos/circuit-breaker":{"max_errors":0,"timeout":60}}`, "false", "false"},
	} {
		h := &hand{}
		g := runAs(t, fromFile(t, `{"version":3,"host":["HOST"],"endpoints":[{"endpoint":"/a","backend":[
			{"url_pattern":"/","group":"free"},{"url_pattern":"/","group":"limited","host":["`+tt.at+`"],"extra_config":`+tt.extra+`}]}]}`, host), Options{now: h.now})
		for _, complete := range []string{tt.first, tt.then} {
			want := `{"free":{"ok":true}}`
			if complete == "true" {
				want = `{"free":{"ok":true},"limited":{"ok":true}}`
			}
			got := g.send(t, "GET /a", "")
			if got.StatusCode != 200 || !sameJSON(got.Text, want) || got.Header.Get("X-Krakend-Completed") != complete {
				t.Errorf("%s: got %d %s %v, want %s", tt.extra, got.StatusCode, got.Text, got.Header, want)
			}
		}
	}
}

// The call a redirect leads to is the same one.
func TestAFollowedRedirectTakesOneToken(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/end" {
			http.Redirect(w, r, "/end", http.StatusFound)
			return
		}
		_, _ = w.Write([]byte(`{"ok":true}`))
	})
	h := &hand{}
	g := runAs(t, backendWith(t, host, "json", `{"qos/ratelimit/proxy":{"max_rate":1}}`), Options{now: h.now})
	for i, want := range []int{200, 500} {
		if got := g.send(t, "GET /a/1", ""); got.StatusCode != want {
			t.Errorf("call %d: got %d, want %d", i, got.StatusCode, want)
		}
	}
}

func TestAnOpenBreakerAnswers500WithoutACall(t *testing.T) {
	var calls atomic.Int64
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		w.WriteHeader(503)
	})
	for _, tt := range []struct {
		encoding, extra string
		first, then     int   // status of the first three calls and of the next two
		calls           int64 // that reach the backend
	}{
		{"json", ``, 500, 500, 3},
		{"json", `,"backend/http":{"return_error_code":true}`, 503, 500, 3},
		{"json", `,"backend/http":{"return_error_details":"b"}`, 200, 200, 5},
		{"no-op", ``, 503, 503, 5},
	} {
		calls.Store(0)
		g := run(t, backendWith(t, host, tt.encoding, `{"qos/circuit-breaker":{"interval":60,"timeout":60,"max_errors":2}`+tt.extra+`}`))
		for i, want := range []int{tt.first, tt.first, tt.first, tt.then, tt.then} {
			got := g.send(t, "GET /a/1", "")
			if got.StatusCode != want || got.Header.Get("X-Krakend-Completed") != "false" {
				t.Errorf("%+v: call %d: got %d %v", tt, i, got.StatusCode, got.Header)
			}
			if i > 2 && tt.calls == 3 && !strings.Contains(got.Text, "circuit breaker is open") {
				t.Errorf("got %q", got.Text)
			}
		}
		if n := calls.Load(); n != tt.calls {
			t.Errorf("%+v: the backend has %d calls", tt, n)
		}
	}
}

// The breaker sees errors of the connection and statuses: a body that can't be decoded
// is none of them (docs/migrating-from-krakend.md).
func TestABodyThatCannotBeDecodedOpensNoBreaker(t *testing.T) {
	var calls atomic.Int64
	host := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		_, _ = w.Write([]byte("no JSON"))
	})
	g := run(t, backendWith(t, host, "json", `{"qos/circuit-breaker":{"interval":60,"timeout":60,"max_errors":0}}`))
	for range 3 {
		if got := g.send(t, "GET /a/1", ""); got.StatusCode != 500 {
			t.Errorf("got %d %q", got.StatusCode, got.Text)
		}
	}
	if n := calls.Load(); n != 3 {
		t.Errorf("the backend has %d calls of 3", n)
	}
}

func TestRefusedForTheRateIsReportedSo(t *testing.T) {
	host, _ := counting(t)
	s := limited(t, host, `{"qos/ratelimit/router":{"max_rate":1}}`)
	c := newCollector(t)
	s.Moesif = c.config()
	h := &hand{}
	g := runAs(t, s, Options{now: h.now})
	for _, want := range []struct {
		status int
		reason string
	}{{200, ""}, {503, moesif.RateLimited}} {
		g.send(t, "GET /a/1", "")
		e := heard(t, c.events, "the event")
		if e.Response.Status != want.status || e.Metadata.Gatemeter.Refused != want.reason {
			t.Errorf("reported as %d, refused %q, want %+v", e.Response.Status, e.Metadata.Gatemeter.Refused, want)
		}
	}
}

// A request that rules block takes nothing from a limit (settled answer 1).
func TestBlockedRequestsTakeNothingFromALimit(t *testing.T) {
	host, _ := counting(t)
	g, c := governing(t, limited(t, host, `{"qos/ratelimit/router":{"max_rate":0.001}}`),
		`[{"_id":"r","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"request.route","value":"^/a/bad"}]}],"response":{"status":402}}]`)
	for _, call := range []struct {
		path string
		want int
	}{{"bad", 402}, {"bad", 402}, {"good", 200}, {"bad", 402}, {"good", 503}} {
		if got := g.send(t, "GET /a/"+url.PathEscape(call.path), ""); got.StatusCode != call.want {
			t.Errorf("%s: got %d, want %d", call.path, got.StatusCode, call.want)
		}
		heard(t, c.events, "the event")
	}
}
