package moesif

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/rule"
)

// governed starts a rig whose collector serves rules, and waits until they are in force.
func governed(t testing.TB, keys, rules, config string, change ...func(*Options)) *rig {
	t.Helper()
	serve := func(o *Options) {
		c := o.Transport.(*collector)
		c.rules, c.config = rules, config
	}
	g := start(t, keys, append([]func(*Options){serve}, change...)...)
	eventually(t, "rules come", func() bool { return !g.Stats().RulesConfirmed.IsZero() })
	return g
}

// eventually asks until it is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !so(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not so: %s", what)
		}
	}
}

func rules(list ...string) string { return "[" + strings.Join(list, ",") + "]" }

// ask sends one request through Wrap.
func ask(g *rig, r *http.Request, handler http.HandlerFunc) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	g.Wrap(handler).ServeHTTP(w, r)
	return w
}

const paid = `{"_id":"r1","type":"user","block":true,"applied_to":"matching","variables":[{"name":"0","path":"body.plan"}],
	"regex_config":[{"conditions":[{"path":"request.route","value":"^/paid"}]}],
	"response":{"status":402,"headers":{"X-Plan":"{{0}}"},"body":{"error":"plan {{0}}"}}}`

func TestABlockedCallNeverReachesTheHandlerAndIsReported(t *testing.T) {
	g := governed(t, "", rules(paid), `{"user_rules":{"alice":[{"rules":"r1","values":{"0":"free \"x\""}}]}}`)
	r := httptest.NewRequest("GET", "/paid/1?x=1", nil)
	r.Header.Set("X-User", "alice")
	w := ask(g, r, func(http.ResponseWriter, *http.Request) { t.Error("the handler was reached") })
	const body = `{"error":"plan free \"x\""}`
	if w.Code != 402 || w.Body.String() != body || w.Header().Get("X-Plan") != `free "x"` || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("got %d %s %v", w.Code, w.Body, w.Header())
	}
	e := g.one(t)
	if e.BlockedBy != "r1" || e.UserID != "alice" || e.Response.Status != 402 || string(e.Response.Body) != body || gatemeter(t, e).Refused != Blocked {
		t.Errorf("got %+v %s", e, e.Metadata)
	}
	if s := g.Stats(); s.Blocked != 1 || s.Modified != 0 || s.Rules != 1 {
		t.Errorf("got %+v", s)
	}
}

func TestOthersPassUntouched(t *testing.T) {
	g := governed(t, "", rules(paid), `{"user_rules":{"alice":[{"rules":"r1"}]}}`)
	for _, user := range []string{"bob", ""} {
		r := httptest.NewRequest("GET", "/paid/1", nil)
		if user != "" {
			r.Header.Set("X-User", user)
		}
		if w := ask(g, r, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }); w.Code != 204 || len(w.Header()) > 0 {
			t.Errorf("%q: got %d %v", user, w.Code, w.Header())
		}
	}
	g.drain(t)
}

func TestHeadersOfRulesReplaceThoseOfTheHandler(t *testing.T) {
	g := governed(t, "", rules(`{"_id":"h","type":"regex","block":false,"response":{"status":500,"headers":{"X-Deprecated":"true","content-length":"3","X-Both":"rule"},"body":{"no":1}}}`), "")
	for name, handler := range map[string]http.HandlerFunc{
		"writes": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Both", "handler")
			_, _ = io.WriteString(w, "hello")
		},
		"says nothing": func(http.ResponseWriter, *http.Request) {},
	} {
		w := ask(g, httptest.NewRequest("GET", "/", nil), handler)
		if w.Code != 200 || w.Header().Get("X-Deprecated") != "true" || w.Header().Get("X-Both") != "rule" || w.Header().Get("Content-Length") != "" {
			t.Errorf("%s: got %d %v", name, w.Code, w.Header())
		}
	}
	for _, e := range g.drain(t) {
		if header(e.Response.Headers, "X-Deprecated") != "true" || e.BlockedBy != "" || gatemeter(t, e).Refused != "" {
			t.Errorf("got %+v %s", e.Response, e.Metadata)
		}
	}
	if s := g.Stats(); s.Modified != 2 || s.Blocked != 0 {
		t.Errorf("got %+v", s)
	}
}

const byBody = `{"_id":"b","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"request.body.op","value":"^drop$"}]}],"response":{"status":403,"body":"no"}}`

func TestTheBodyIsReadOnceAndStillDelivered(t *testing.T) {
	g := governed(t, "", rules(byBody), "")
	long := `{"op":"drop","x":"` + strings.Repeat("y", rule.MaxBody) + `"}`
	for _, tt := range []struct {
		body    string
		chunked bool
		coding  string
		blocked bool
	}{
		{body: `{"op":"drop"}`, blocked: true},
		{body: `{"op":"drop"}`, chunked: true, blocked: true},
		{body: `{"op":"keep"}`},
		{body: `{"op":"keep"}`, chunked: true},
		{body: `not json`},
		{body: long},
		{body: long, chunked: true},
		{body: `{"op":"drop"}`, coding: "gzip"}, // cannot be looked into
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(tt.body))
		if tt.chunked {
			r.ContentLength = -1
		}
		if tt.coding != "" {
			r.Header.Set("Content-Encoding", tt.coding)
		}
		var got []byte
		w := ask(g, r, func(_ http.ResponseWriter, r *http.Request) {
			var err error
			if got, err = io.ReadAll(r.Body); err != nil {
				t.Error(err)
			}
			if err := r.Body.Close(); err != nil {
				t.Error(err)
			}
		})
		if blocked := w.Code == 403; blocked != tt.blocked || !blocked && string(got) != tt.body {
			t.Errorf("%.20s chunked=%v coding=%q: status %d, the handler got %d bytes of %d", tt.body, tt.chunked, tt.coding, w.Code, len(got), len(tt.body))
		}
	}
	for _, e := range g.drain(t) {
		if !bytes.Contains(e.Request.Body, []byte("op")) && e.Request.TransferEncoding != "base64" {
			t.Errorf("the event has the body %.40s", e.Request.Body)
		}
	}
}

func TestAnswersOfRulesAreValidHTTP(t *testing.T) {
	for _, tt := range []struct {
		response, method string
		status           int
		body             string
	}{
		{`{"status":204,"body":{"x":1}}`, "GET", 204, ""},
		{`{"status":304,"body":{"x":1}}`, "GET", 304, ""},
		{`{"status":100,"body":{"x":1}}`, "GET", 429, `{"x":1}`},
		{`{"body":"no"}`, "GET", 429, `"no"`},
		{`{"status":403,"body":"no"}`, "HEAD", 403, ""},
		{`{"status":403,"headers":{"Transfer-Encoding":"chunked","X-A":"b\r\nX-Evil: 1"}}`, "GET", 403, ""},
	} {
		g := governed(t, "", rules(`{"_id":"r","type":"regex","block":true,"response":`+tt.response+`}`), "")
		s := httptest.NewServer(g.Wrap(http.NotFoundHandler()))
		g.servers = append(g.servers, s)
		req, err := http.NewRequestWithContext(context.Background(), tt.method, s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Errorf("%s: %v", tt.response, err)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != tt.status || string(body) != tt.body || resp.Header.Get("X-Evil") != "" {
			t.Errorf("%s: got %d %s %v %v", tt.response, resp.StatusCode, body, resp.Header, err)
		}
		http.DefaultClient.CloseIdleConnections()
		g.drain(t)
	}
}

func TestWhatIsNotGoverned(t *testing.T) {
	g := governed(t, "", rules(`{"_id":"all","type":"regex","block":true}`), "")
	passed := 0
	pass := func(http.ResponseWriter, *http.Request) { passed++ }

	preflight := httptest.NewRequest("OPTIONS", "/", nil)
	preflight.Header.Set("Origin", "https://example.com")
	preflight.Header.Set("Access-Control-Request-Method", "PUT")
	ask(g, preflight, pass)

	g.Capture(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		From(r.Context()).Ignore()
		if g.Govern(w, r) {
			passed++
		}
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/__health", nil))
	if passed != 2 {
		t.Errorf("%d of 2 passed", passed)
	}
	if events := g.drain(t); len(events) > 0 {
		t.Errorf("reported: %+v", events)
	}
}

func TestGovernWorksWithoutCapture(t *testing.T) {
	g := governed(t, "", rules(paid, `{"_id":"h","type":"regex","response":{"headers":{"X-H":"1"}}}`), `{"user_rules":{"alice":[{"rules":"r1"}]}}`)
	for user, want := range map[string]bool{"alice": false, "bob": true} {
		r := httptest.NewRequest("GET", "/paid", nil)
		r.Header.Set("X-User", user)
		w := httptest.NewRecorder()
		if got := g.Govern(w, r); got != want || w.Header().Get("X-H") != "1" {
			t.Errorf("%s: got %v %v", user, got, w.Header())
		}
	}
}

func TestOnlyValidatedClaimsAreGoverned(t *testing.T) {
	g := governed(t, `"user_id_headers":["Authorization"]`, rules(paid), `{"user_rules":{"alice":[{"rules":"r1"}]}}`)
	for verified, want := range map[string]int{"alice": 402, "bob": 200} {
		r := httptest.NewRequest("GET", "/paid", nil)
		r.Header.Set("Authorization", bearer(`{"sub":"alice"}`))
		w := httptest.NewRecorder()
		g.Capture(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			From(r.Context()).SetVerifiedClaims(map[string]any{"sub": verified})
			g.Govern(w, r)
		})).ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("verified as %s: got %d, want %d", verified, w.Code, want)
		}
	}
}

func TestListedAddressesAreBlockedOnlyWhenAskedFor(t *testing.T) {
	config := `{"ip_addresses_blocked_by_name":{"abuse":"203.0.113.9"}}`
	for keys, want := range map[string]int{`"block_listed_ips":true`: 403, "": 200} {
		g := governed(t, keys, "[]", config)
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		if w := ask(g, r, func(http.ResponseWriter, *http.Request) {}); w.Code != want {
			t.Errorf("%q: got %d, want %d", keys, w.Code, want)
		}
		if e := g.one(t); want == 403 && e.BlockedBy != "abuse" {
			t.Errorf("blocked_by is %q", e.BlockedBy)
		}
	}
}

func TestCallsAreSampledByTheRateOfTheirCustomer(t *testing.T) {
	g := governed(t, "", rules(paid), `{"sample_rate":100,"user_sample_rate":{"alice":30,"muted":0},"user_rules":{"alice":[{"rules":"r1"}]}}`)
	const calls = 1000
	for i := range calls {
		for _, user := range []string{"alice", "bob", "muted"} {
			path := "/free"
			if i%2 == 0 {
				path = "/paid" // blocked calls are sampled like others
			}
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("X-User", user)
			ask(g, r, func(http.ResponseWriter, *http.Request) {})
		}
	}
	sums, events := map[string]int{}, map[string]int{}
	for _, e := range g.drain(t) {
		sums[e.UserID] += e.Weight
		events[e.UserID]++
	}
	if sums["alice"] != calls || events["alice"] != calls*30/100 || sums["bob"] != calls || events["bob"] != calls || events["muted"] != 0 {
		t.Errorf("weights %v, events %v", sums, events)
	}
	s := g.Stats()
	if want := int64(calls + calls*70/100); s.Sampled != want || s.Skipped != want {
		t.Errorf("got %+v", s)
	}
}

func TestPushesTellOfNewRules(t *testing.T) {
	var c *collector
	g := governed(t, `"batch_size":1`, "[]", "", func(o *Options) {
		c = o.Transport.(*collector)
		o.Transport = tagged{c}
	})
	r := func() *http.Request { return httptest.NewRequest("GET", "/", nil) }
	if w := ask(g, r(), func(http.ResponseWriter, *http.Request) {}); w.Code != 200 {
		t.Fatalf("got %d", w.Code)
	}
	c.change(rules(`{"_id":"all","type":"regex","block":true}`), "second")
	eventually(t, "the tag on a push is noticed", func() bool { // every round sends another event
		return ask(g, r(), func(http.ResponseWriter, *http.Request) {}).Code == 429
	})
}

// tagged puts the collector's tag on its answers.
type tagged struct{ *collector }

func (c tagged) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.collector.RoundTrip(r)
	if err == nil {
		resp.Header.Set("X-Moesif-Config-ETag", fmt.Sprint("config-", c.version()))
		resp.Header.Set("X-Moesif-Rules-Tag", fmt.Sprint("rules-", c.version()))
	}
	return resp, err
}
