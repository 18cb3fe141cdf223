package moesif

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCodeNamesTheCaller(t *testing.T) {
	g := start(t, `"identify_company":{"header":"X-Company"}`)
	for _, tt := range []struct {
		say                          func(x *Exchange)
		user, company, session, says string
	}{
		{func(x *Exchange) { x.SetUser("u"); x.SetCompany("c"); x.SetSession("s") }, "u", "c", "s", "verified"},
		{func(x *Exchange) { x.SetUser("u") }, "u", "acme", "", "claimed"}, // the company still is
		{func(x *Exchange) { x.SetCompany("c") }, "alice", "c", "", "claimed"},
		{func(*Exchange) {}, "alice", "acme", "", "claimed"},
		{func(x *Exchange) { x.SetUser("u"); x.Refuse(Unauthenticated) }, "", "", "", "none"},
	} {
		before := len(g.collector.stored())
		call(g, func(_ http.ResponseWriter, r *http.Request) { tt.say(From(r.Context())) }, "GET", "/", "X-User", "alice", "X-Company", "acme")
		g.Flush()
		e := g.collector.await(t, before+1)[before]
		if e.UserID != tt.user || e.CompanyID != tt.company || e.SessionToken != tt.session || gatemeter(t, e).Identity != tt.says {
			t.Errorf("got %q %q %q %s, want %+v", e.UserID, e.CompanyID, e.SessionToken, e.Metadata, tt)
		}
	}
}

func TestHooksNameTheCallerBeforeRulesAreLookedAt(t *testing.T) {
	asked := 0
	g := governed(t, "", rules(paid), `{"user_rules":{"u-7":[{"rules":"r1","values":{"0":"free"}}]}}`, func(o *Options) {
		o.Hooks = Hooks{
			Identify: func(r *http.Request) Caller {
				asked++
				return Caller{UserID: "u-" + r.URL.Query().Get("n"), SessionToken: "session-1"}
			},
			Metadata: func(r *http.Request) map[string]any {
				return map[string]any{"region": r.Header.Get("X-Region"), "krakend": "taken", "gatemeter": "taken"}
			},
		}
	})
	r := httptest.NewRequest("GET", "/paid?n=7", nil)
	r.Header.Set("X-Region", "eu")
	if w := ask(g, r, func(http.ResponseWriter, *http.Request) {}); w.Code != 402 {
		t.Errorf("got %d", w.Code)
	}
	e := g.one(t)
	if e.UserID != "u-7" || e.SessionToken != "session-1" || asked != 1 {
		t.Errorf("got %+v, asked %d times", e, asked)
	}
	if want := `{"region":"eu","gatemeter":{"identity":"verified","refused":"blocked"}}`; string(e.Metadata) != want {
		t.Errorf("metadata %s\nwant     %s", e.Metadata, want)
	}
}

func TestMetadataOfCodeStandsBesideTheConfigured(t *testing.T) {
	for name, tt := range map[string]struct {
		set  func(*Exchange)
		want string
	}{
		"facts":     {func(x *Exchange) { x.SetMetadata(map[string]any{"a": 1}) }, `{"a":1,"krakend":{"env":"prod"},"gatemeter":{"identity":"none"}}`},
		"the later": {func(x *Exchange) { x.SetMetadata(map[string]any{"a": 1}); x.SetMetadata(map[string]any{"b": 2}) }, `{"b":2,"krakend":{"env":"prod"},"gatemeter":{"identity":"none"}}`},
		"nothing":   {func(x *Exchange) { x.SetMetadata(nil) }, `{"krakend":{"env":"prod"},"gatemeter":{"identity":"none"}}`},
		"no JSON":   {func(x *Exchange) { x.SetMetadata(map[string]any{"f": func() {}}) }, `{"krakend":{"env":"prod"},"gatemeter":{"identity":"none"}}`},
	} {
		g := start(t, `"metadata":{"env":"prod"}`)
		call(g, func(_ http.ResponseWriter, r *http.Request) { tt.set(From(r.Context())) }, "GET", "/")
		if e := g.one(t); string(e.Metadata) != tt.want {
			t.Errorf("%s: got %s, want %s", name, e.Metadata, tt.want)
		}
	}
}

func TestQueriesAreMaskedByTheNamesOfBodyMasks(t *testing.T) {
	g := start(t, `"request_body_masks":["ssn"],"response_body_masks":["iban"],"default_masks":false`)
	call(g, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", "/next?iban=DE1&x=1") },
		"GET", "http://a/?SSN=123&user[ssn]=4&x=1", "Referer", "http://b/?ssn=5")
	e := g.one(t)
	if e.Request.URI != "http://a/?SSN=*****&user[ssn]=*****&x=1" || header(e.Request.Headers, "Referer") != "http://b/?ssn=*****" ||
		header(e.Response.Headers, "Location") != "/next?iban=*****&x=1" {
		t.Errorf("got %s %v %v", e.Request.URI, e.Request.Headers, e.Response.Headers)
	}
}

func TestAnEventStaysUnderWhatACollectorTakes(t *testing.T) {
	g := start(t, `"request_max_body_size":5000000,"response_max_body_size":5000000`)
	large := `{"x":"` + strings.Repeat("y", 2_000_000) + `"}`
	r := httptest.NewRequest("POST", "/", strings.NewReader(large))
	g.Capture(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(w, r.Body); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
	e := g.one(t)
	if n := len(e.Request.Body) + len(e.Response.Body); n > 950_000 || n < 800_000 {
		t.Errorf("the bodies take %d bytes", n)
	}
	if cut := gatemeter(t, e).Cut; len(cut) != 2 {
		t.Errorf("cut: %v", cut)
	}
}
