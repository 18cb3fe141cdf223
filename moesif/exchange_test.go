package moesif

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

func bearer(claims string) string {
	return "Bearer e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

// call sends one request to a captured handler, without a socket.
func call(g *rig, handler http.HandlerFunc, method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	g.Capture(handler).ServeHTTP(w, r)
	return w
}

func TestAnEventSaysWhatHappened(t *testing.T) {
	g := start(t, `"identify_company": {"query_string": "company"}, "metadata": {"env": "prod"}`)
	before := time.Now()
	call(g, func(w http.ResponseWriter, r *http.Request) {
		x := From(r.Context())
		x.SetRoute("/orders/{id}")
		x.SetParams("id", "42")
		r.Header.Set("X-User", "changed behind the record") // must not show
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(201)
		_, _ = w.Write([]byte(`{"ok":true}`))
	}, "POST", "http://api.example.com/orders/42?company=acme", "X-User", "alice", "X-Forwarded-For", "203.0.113.9, 10.0.0.1")
	e := g.one(t)
	if e.Request.Verb != "POST" || e.Request.URI != "http://api.example.com/orders/42?company=acme" || e.Request.IPAddress != "203.0.113.9" ||
		header(e.Request.Headers, "X-User") != "alice" {
		t.Errorf("request %+v", e.Request)
	}
	if e.Response.Status != 201 || string(e.Response.Body) != `{"ok":true}` || e.Response.ContentLength != 11 {
		t.Errorf("response %+v", e.Response)
	}
	if e.UserID != "alice" || e.CompanyID != "acme" || e.Direction != "Incoming" || e.Weight != 1 || e.BlockedBy != "" {
		t.Errorf("event %+v", e)
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(e.TransactionID) {
		t.Errorf("transaction_id %q is no UUIDv7", e.TransactionID)
	}
	if d := e.Response.Time.Sub(e.Request.Time); d < 0 || e.Request.Time.Before(before.Truncate(time.Microsecond)) || e.Response.Time.After(time.Now()) {
		t.Errorf("from %s to %s", e.Request.Time, e.Response.Time)
	}
	want := `{"krakend":{"env":"prod"},"gatemeter":{"route":"/orders/{id}","identity":"claimed"}}`
	if string(e.Metadata) != want {
		t.Errorf("metadata %s\nwant     %s", e.Metadata, want)
	}
}

func TestNeitherIdNorClientsIdIsAddedOrUsed(t *testing.T) {
	g := start(t, "")
	w := call(g, func(_ http.ResponseWriter, r *http.Request) {
		if got := r.Header.Values("X-Moesif-Transaction-Id"); !slices.Equal(got, []string{"client"}) {
			t.Errorf("the handler sees %v", got)
		}
	}, "GET", "/", "X-Moesif-Transaction-Id", "client")
	if got := w.Header().Get("X-Moesif-Transaction-Id"); got != "" {
		t.Errorf("the answer got %q", got)
	}
	if e := g.one(t); e.TransactionID == "client" {
		t.Error("a client's id was used")
	}
}

func TestIdentityDependsOnWhatTheGatewayDid(t *testing.T) {
	forged := []string{"Authorization", bearer(`{"sub":"forged","org":"forged"}`)}
	claims := map[string]any{"sub": "real", "org": "acme"}
	const byClaim, byQuery = `"identify_company": {"jwt_claim": "org"}`, `"identify_company": {"query_string": "c"}`
	tests := []struct {
		name                    string
		keys                    string
		inner                   func(*Exchange)
		headers                 []string
		user, company, identity string
	}{
		{"claimed", byClaim, func(*Exchange) {}, forged, "forged", "forged", "claimed"},
		{"nobody", byClaim, func(*Exchange) {}, nil, "", "", "none"},
		{"verified", byClaim, func(x *Exchange) { x.SetVerifiedClaims(claims) }, forged, "real", "acme", "verified"},
		{"verified, without claims", byClaim, func(x *Exchange) { x.SetVerifiedClaims(nil) }, forged, "", "", "none"},
		{"refused as unauthenticated, by token", byClaim, func(x *Exchange) { x.Refuse(Unauthenticated) }, forged, "", "", "none"},
		{"refused as unauthenticated, whatever the source", byQuery, func(x *Exchange) { x.Refuse(Unauthenticated) }, []string{"X-User", "u"}, "", "", "none"},
		{"a verified user without the role is attributed", byClaim, func(x *Exchange) { x.SetVerifiedClaims(claims); x.Refuse(Forbidden) }, forged, "real", "acme", "verified"},
		{"refused before anybody was asked, whatever the source", byQuery, func(x *Exchange) { x.Refuse(BadRequest); x.Nobody() }, []string{"X-User", "u"}, "", "", "none"},
		{"refused otherwise is attributed as identified", byQuery, func(x *Exchange) { x.Refuse(RateLimited) }, []string{"X-User", "u"}, "u", "q", "claimed"},
		{"a company from the query stays beside a verified user", byQuery, func(x *Exchange) { x.SetVerifiedClaims(claims) }, forged, "real", "q", "claimed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := start(t, tt.keys)
			refused := ""
			call(g, func(_ http.ResponseWriter, r *http.Request) {
				tt.inner(From(r.Context()))
				refused = From(r.Context()).refused
			}, "GET", "/?c=q", tt.headers...)
			e := g.one(t)
			got := gatemeter(t, e)
			if e.UserID != tt.user || e.CompanyID != tt.company || got.Identity != tt.identity || got.Refused != refused {
				t.Errorf("user %q company %q, %+v; want %q %q %s", e.UserID, e.CompanyID, got, tt.user, tt.company, tt.identity)
			}
		})
	}
}

func TestWhatIsIgnoredIsNotCaptured(t *testing.T) {
	g := start(t, "")
	call(g, func(_ http.ResponseWriter, r *http.Request) { From(r.Context()).Ignore() }, "GET", "/__health")
	call(g, func(w http.ResponseWriter, r *http.Request) {
		if From(r.Context()) != nil {
			t.Error("a preflight is recorded")
		}
	}, "OPTIONS", "/", "Origin", "https://x", "Access-Control-Request-Method", "PUT")
	call(g, func(http.ResponseWriter, *http.Request) {}, "OPTIONS", "/plain")
	if e := g.one(t); e.Request.URI != "http://example.com/plain" {
		t.Errorf("got %s", e.Request.URI)
	}
	if s := g.Stats(); s.Captured != 1 {
		t.Errorf("captured %d", s.Captured)
	}
}

func TestTwoCapturesReportOnce(t *testing.T) {
	g := start(t, "")
	other := start(t, "")
	call(g, g.Wrap(other.Capture(http.NotFoundHandler())).ServeHTTP, "GET", "/")
	g.one(t)
	other.one(t) // another integration has its own
}

func TestTheRouteOfAServeMuxIsTaken(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET example.com/orders/{id}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /named", func(_ http.ResponseWriter, r *http.Request) { From(r.Context()).SetRoute("/by-hand") })
	for target, want := range map[string]string{"/orders/1": "/orders/{id}", "/named": "/by-hand", "/none": ""} {
		g := start(t, "")
		call(g, mux.ServeHTTP, "GET", target)
		if got := gatemeter(t, g.one(t)).Route; got != want {
			t.Errorf("%s: route %q, want %q", target, got, want)
		}
	}
}

func TestAnExchangeThatIsOverDoesNotChange(t *testing.T) {
	g := start(t, "")
	var kept *Exchange
	call(g, func(_ http.ResponseWriter, r *http.Request) { kept = From(r.Context()) }, "GET", "/")
	kept.SetRoute("/late")
	kept.Refuse(Blocked)
	kept.Ignore()
	if got := gatemeter(t, g.one(t)); got.Route != "" || got.Refused != "" {
		t.Errorf("got %+v", got)
	}
}

func TestThoseWhoStayBehindDoNotRaceWithTheReport(t *testing.T) {
	g := start(t, `"batch_size": 1`)
	stop, stopped := make(chan struct{}), make(chan struct{})
	call(g, func(w http.ResponseWriter, r *http.Request) {
		x := From(r.Context())
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
					x.SetRoute("/late")
					x.SetParams("a", "b")
					x.SetVerifiedClaims(nil)
					x.Refuse(Quota)
				}
			}
		}()
		_, _ = w.Write([]byte("{}"))
	}, "GET", "/")
	g.collector.await(t, 1)
	close(stop)
	<-stopped
	g.one(t)
}

func TestNoExchangeIsHarmless(t *testing.T) {
	x := From(context.Background())
	if x != nil {
		t.Fatal("an exchange out of nothing")
	}
	x.SetRoute("/")
	x.SetParams("a", "b")
	x.SetVerifiedClaims(nil)
	x.Refuse(Quota)
	x.Ignore()
}

func TestTheContextStaysTheRequests(t *testing.T) {
	type key struct{}
	g := start(t, "")
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "v"))
	g.Capture(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		inner, stop := context.WithCancel(r.Context())
		defer stop()
		if inner.Value(key{}) != "v" || From(inner) == nil {
			t.Error("values are lost")
		}
		cancel()
		<-inner.Done()
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil))
}

func TestURIsAreWhole(t *testing.T) {
	tests := []struct {
		x                *Exchange
		uri, path, query string
	}{
		{&Exchange{host: "h:8080", target: "/a%2Fb?c=d?e"}, "http://h:8080/a%2Fb?c=d?e", "/a%2Fb", "c=d?e"},
		{&Exchange{host: "h", target: "/", secure: true}, "https://h/", "/", ""},
		{&Exchange{host: "h", target: "http://other/x?y"}, "http://other/x?y", "/x", "y"},
		{&Exchange{host: "h", target: "http://other?y"}, "http://other?y", "", "y"},
		{&Exchange{host: "h", target: "http://other"}, "http://other", "/", ""},
		{&Exchange{host: "h", target: "*"}, "http://h", "*", ""},
		{&Exchange{host: "h:443", target: "h:443", method: "CONNECT"}, "h:443", "h:443", ""},
		{&Exchange{host: "h", target: "/x?u=http://a/b"}, "http://h/x?u=http://a/b", "/x", "u=http://a/b"},
	}
	for _, tt := range tests {
		x := tt.x
		if x.uri() != tt.uri || x.path() != tt.path || x.query() != tt.query {
			t.Errorf("%q: got %q %q %q", x.target, x.uri(), x.path(), x.query())
		}
	}
}

func TestShouldSkipSeesTheWholeExchange(t *testing.T) {
	var seen []Subject
	compile := func(o *Options) {
		o.Compile = func(expression string) (Predicate, error) {
			if expression != "resp_code == 404" {
				t.Errorf("asked to compile %q", expression)
			}
			return func(s *Subject) (bool, error) {
				seen = append(seen, *s)
				return s.Status == 404, nil
			}, nil
		}
	}
	g := start(t, `"should_skip": "resp_code == 404"`, compile)
	call(g, http.NotFound, "GET", "/skipped?a=b")
	call(g, func(_ http.ResponseWriter, r *http.Request) { From(r.Context()).SetParams("id", "1") }, "PUT", "/kept", "X-Any", "v")
	if e := g.one(t); !strings.HasSuffix(e.Request.URI, "/kept") {
		t.Errorf("got %s", e.Request.URI)
	}
	if s := g.Stats(); s.Captured != 2 || s.Skipped != 1 || s.Sent != 1 {
		t.Errorf("books %+v", s)
	}
	if len(seen) != 2 || seen[0].Path != "/skipped" || seen[0].RawQuery != "a=b" || seen[1].Method != "PUT" || seen[1].Params["id"] != "1" ||
		header(seen[1].Headers, "X-Any") != "v" || seen[1].ClientIP != "192.0.2.1" {
		t.Errorf("saw %+v", seen)
	}
}

func TestShouldSkipThatFailsReports(t *testing.T) {
	g := start(t, `"should_skip": "x"`, func(o *Options) {
		o.Compile = func(string) (Predicate, error) {
			return func(*Subject) (bool, error) { return true, http.ErrBodyNotAllowed }, nil
		}
	})
	call(g, http.NotFound, "GET", "/")
	g.one(t)
}

func TestIdsSortByTime(t *testing.T) {
	base := time.UnixMilli(1_764_000_000_000)
	previous := ""
	for i := range 100 {
		id := newID(base.Add(time.Duration(i) * time.Millisecond))
		if id <= previous {
			t.Fatalf("%s after %s", id, previous)
		}
		previous = id
	}
	seen := map[string]bool{}
	for range 10_000 {
		seen[newID(base)] = true
	}
	if len(seen) != 10_000 {
		t.Errorf("%d different ids of 10000", len(seen))
	}
}

func FuzzTarget(f *testing.F) {
	f.Add("/a?b=c", "host", "x")
	f.Add("http://u@h?", "", "\xff")
	f.Fuzz(func(t *testing.T, target, host, value string) {
		it := new(item)
		x := &it.exchange
		x.in = &Integration{masks: newMasks(defaults())}
		x.method, x.host, x.target, x.route, x.refused, x.status = value, host, target, value, value, 200
		x.header = wire.Headers{{Name: "Authorization", Value: value}}
		if text := it.AppendEvent(nil); !json.Valid(text) {
			t.Fatalf("not JSON: %s", text)
		}
	})
}
