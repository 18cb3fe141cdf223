package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif"
)

// Before the backends the endpoint's script sees what the endpoint lets through; what
// it sets goes on all the same, as it runs behind that filter (KrakenD v3, 2.1).
func TestAnEndpointsProxyScriptChangesTheRequest(t *testing.T) {
	host := upstream(t, tellSeen)
	text := `local r = request.load()
		r:headers("x-new", r:headers("X-A") .. r:headers("X-Hidden") .. r:params("id") .. r:params("Id") .. r:method() .. r:path() .. "?" .. r:query())
		r:query("own=1&q=2") r:params("id", "b c")`
	g := runFile(t, host, luaFile(extraConfig("modifier/lua-proxy", pre(text)), "/b/{id}"))
	got := g.see(t, "GET /a/7?q=1&hidden=2", "", "X-A: a", "X-Hidden: h")
	if got.URI != "/b/b%20c?own=1&q=2" || got.Header.Get("X-New") != "a77GET/a/7?q=1" || got.Header.Get("X-Hidden") != "" || got.Header.Get("X-Forwarded-For") != "127.0.0.1" {
		t.Errorf("the backend saw %+v", got)
	}
	for text, want := range map[string]string{
		`custom_error("no", 402)`:                              "402 no",
		`request.load():headers("X-Forwarded-For", "1.2.3.4")`: "500 lua: pre:1: the gateway sets this header itself",
		`request.load():params("id", "..")`:                    "400 error: ",
		`request.load():params("other", "1")`:                  "500 lua: pre:1: other is not a parameter of the endpoint",
		`request.load():query("a b")`:                          "500 lua: pre:1: a query string is escaped",
		`request.load():method("PUT")`:                         "500 lua: pre:1: this can't be changed",
		`while true do end`:                                    "500 lua: context deadline exceeded",
	} {
		got := runFile(t, host, luaFile(extraConfig("modifier/lua-proxy", pre(text)), "/b/{id}")).send(t, "GET /a/7", "")
		if s := strconv.Itoa(got.StatusCode) + " " + got.Text; !strings.HasPrefix(s, want) {
			t.Errorf("%s: got %s", text, s)
		}
	}
	// It runs before validation/cel, which sees what it has set.
	ordered := runFile(t, host, luaFile(`, "extra_config": {"modifier/lua-proxy": `+pre(`request.load():params("id", "9")`)+`, "validation/cel": [{"check_expr": "req_params.Id == '9'"}]}`, "/b/{id}"))
	if got := ordered.see(t, "GET /a/7", ""); got.URI != "/b/9" {
		t.Errorf("the backend saw %+v", got)
	}
	body := strings.Replace(luaFile(`, "method": "POST"`+extraConfig("modifier/lua-proxy", pre(`local r = request.load() r:body(r:body() .. "!") r:body(r:body() .. "?")`)), "/b/{id}"), "1s", "5s", 1)
	if got := runFile(t, host, body).see(t, "POST /a/7", "sent"); got.Body != "sent!?" || got.Length != 6 {
		t.Errorf("the backend saw %+v", got)
	}
}

// With skip_next nobody is asked: the answer is empty, 200 and not complete until a
// script says more. The reference is silent about it.
func TestSkipNextAsksNobody(t *testing.T) {
	var asked atomic.Int32
	host := upstream(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	own := func(last string) string {
		return `{"skip_next": true, "post": "local r = response.load() r:data():set('own', true) r:isComplete(true) ` + last + `"}`
	}
	const body = `r:body('own')`
	for _, c := range []struct{ file, text, complete string }{
		{luaFile("", "/b "+extraConfig("modifier/lua-backend", own(""))), `{"own":true}`, "true"},
		{luaFile("", "/b "+extraConfig("modifier/lua-backend", `{"skip_next": true}`)), `{}`, "false"},
		{luaFile(extraConfig("modifier/lua-proxy", own("")), "/b"), `{"own":true}`, "true"},
		{luaFile(`, "output_encoding": "no-op"`, "/b "+extraConfig("modifier/lua-backend", own(body))), `own`, "false"},
		{luaFile(`, "output_encoding": "no-op"`+extraConfig("modifier/lua-proxy", own(body)), "/b"), `own`, "false"},
	} {
		got := runFile(t, host, c.file).send(t, "GET /a/1", "")
		if got.StatusCode != 200 || got.Text != c.text || got.Header.Get("X-Krakend-Completed") != c.complete {
			t.Errorf("%s: got %d %q %v", c.file, got.StatusCode, got.Text, got.Header)
		}
	}
	if asked.Load() > 0 {
		t.Errorf("the backend was asked %d times", asked.Load())
	}
}

// The service's script runs for every request but /__health, before the bot detector
// and behind security/http, whether a path leads anywhere or not (KrakenD v3, 2.1).
func TestAServicesScriptRunsBeforeEverything(t *testing.T) {
	c := newCollector(t)
	s := serviceOfFile(t, upstream(t, tellSeen), `{"version": 3, "host": ["HOST"], "timeout": "1s", "debug_endpoint": true, "extra_config": {
		"security/http": {"frame_deny": true}, "security/bot-detector": {"deny": ["bot"]},
		"modifier/lua-endpoint": `+pre(`local c = ctx.load() if c:headers("X-Key") == "" then custom_error("key, please", 401) end c:headers("X-Key", c:headers("X-Key") .. c:params("id") .. c:path())`)+`},
		"endpoints": [{"endpoint": "/a/{id}", "input_headers": ["X-Key"], "backend": [{"url_pattern": "/"}]}]}`)
	s.Moesif = c.config()
	g := run(t, s)
	for _, path := range []string{"/a/1", "/nowhere", "/__debug/"} {
		got := g.send(t, "GET "+path, "", "User-Agent: bot")
		if got.StatusCode != 401 || got.Text != "key, please" || got.Header.Get("X-Krakend") != "" || got.Header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: got %d %q %v", path, got.StatusCode, got.Text, got.Header)
		}
		if got := g.send(t, "GET "+path, "", "User-Agent: bot", "X-Key: k"); got.StatusCode != 403 {
			t.Errorf("%s with a key: got %d, not the bot detector's", path, got.StatusCode)
		}
	}
	if e := heard(t, c.events, "an event"); e.Metadata.Gatemeter.Refused != moesif.Unauthenticated && e.Metadata.Gatemeter.Refused != moesif.Forbidden {
		t.Errorf("got %+v", e)
	}
	if got := g.send(t, "GET /__health", ""); got.StatusCode != 200 {
		t.Errorf("/__health: got %d", got.StatusCode)
	}
	if got := g.send(t, "GET /nowhere", "", "X-Key: k"); got.StatusCode != 404 {
		t.Errorf("/nowhere: got %d", got.StatusCode)
	}
	if got := g.see(t, "GET /a/1", "", "X-Key: k"); got.Header.Get("X-Key") != "k/a/1" {
		t.Errorf("the backend saw %+v", got)
	}
}

// http_response is as remembered of KrakenD's documentation: new(url, method, body,
// headers), statusCode, headers, body, close.
func TestAScriptCallsOthers(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			<-r.Context().Done()
		case "/long":
			_, _ = w.Write(make([]byte, 10<<20+1))
		case "/other":
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("X-Say", r.Method+r.Header.Get("X-Key")+string(body))
			w.WriteHeader(203)
			_, _ = io.WriteString(w, `{"ok":true}`)
		default:
			tellSeen(w, r)
		}
	})
	call := func(text string) reply {
		return runFile(t, host, luaFile(extraConfig("modifier/lua-proxy", pre(strings.ReplaceAll(text, "HTTP", host))), "/")).send(t, "GET /a/1", "")
	}
	got := call(`local h = http_response.new("HTTP/other", "POST", "sent", {["x-key"] = "k"})
		request.load():headers("X-New", h:statusCode() .. h:headers("X-Say") .. tostring(json_parse(h:body()):get("ok"))) h:close() h:close()`)
	var s seen
	if err := json.Unmarshal([]byte(got.Text), &s); err != nil || s.Header.Get("X-New") != "203POSTksenttrue" {
		t.Errorf("got %d %s", got.StatusCode, got.Text)
	}
	began := time.Now()
	for text, want := range map[string]string{
		`http_response.new("HTTP/slow?key=secret")`:                           "lua: context deadline exceeded",
		`http_response.new("HTTP/long")`:                                      "the answer is too long",
		`http_response.new("file:///etc/passwd")`:                             "an address of http or https expected",
		`http_response.new("http://127.0.0.1:1/?key=secret")`:                 "lua: pre:1: http_response: 127.0.0.1:1: ",
		`http_response.new("HTTP/other", "GET", "", {["Host"] = "x"})`:        "header Host can't be set",
		`http_response.new("HTTP/other", "GET", "", {["X-A"] = "a\r\nB: c"})`: "header X-A can't be set",
		`http_response.new("HTTP/other", "NO WAY")`:                           "invalid method",
		`for i = 1, 17 do http_response.new("HTTP/other") end`:                "http_response makes 16 calls at most",
	} {
		if got := call(text); got.StatusCode != 500 || !strings.Contains(got.Text, want) || strings.Contains(got.Text, "secret") {
			t.Errorf("%s: got %d %q", text, got.StatusCode, got.Text)
		}
	}
	if took := time.Since(began); took > patience {
		t.Errorf("took %s", took)
	}
}
