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

func luaPost(text string) string { return `{"post": ` + strconv.Quote(text) + `}` }

// luaFile is an endpoint of GET /a/{id} with these keys and backends, and
// return_error_msg. Each backend is "url_pattern keys".
func luaFile(endpoint string, backends ...string) string {
	var list []string
	for _, b := range backends {
		path, keys, _ := strings.Cut(b, " ")
		list = append(list, `{"url_pattern": "`+path+`"`+keys+`}`)
	}
	return `{"version": 3, "host": ["HOST"], "timeout": "1s", "cache_ttl": "60s", "extra_config": {"router": {"return_error_msg": true}},
		"endpoints": [{"endpoint": "/a/{id}", "input_headers": ["X-A"], "input_query_strings": ["q"]` + endpoint + `,
		"backend": [` + strings.Join(list, ",") + `]}]}`
}

func extraConfig(namespace, block string) string {
	return `, "extra_config": {"` + namespace + `": ` + block + `}`
}

// warehouse answers by path.
func warehouse(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Own", "backend")
	switch r.URL.Path {
	case "/items":
		_, _ = io.WriteString(w, `{"collection":[{"id":1,"tree":"oak"},{"id":2,"tree":"elm"}],"secret":"x","big":12345678901234567890,"null":null,"o":{"deep":[1,2]}}`)
	case "/user":
		_, _ = io.WriteString(w, `{"name":"ann","secret":"y"}`)
	case "/null":
		_, _ = io.WriteString(w, `null`)
	case "/plain":
		w.Header().Set("ETag", `"1"`)
		_, _ = io.WriteString(w, "hello")
	case "/none":
		w.WriteHeader(http.StatusNoContent)
	default:
		http.Error(w, "broken", http.StatusBadGateway)
	}
}

// Where a method's name is not in the reference (all of luaTable, luaList, luaNil and
// response are not), it is as remembered of KrakenD's documentation.
func TestAScriptChangesDataOfABackendOrAnEndpoint(t *testing.T) {
	host := upstream(t, warehouse)
	for text, want := range map[string]string{
		`local d = response.load():data() d:del("secret") d:del("collection") d:del("o") d:del("null")`: `{"big":12345678901234567890}`,
		`local d = response.load():data() local col = d:get("collection") local p = {} for i = 0, col:len() - 1 do table.insert(p, col:get(i):get("tree")) end d:set("trees", p) d:set("total", col:len()) for _, k in ipairs({"collection", "secret", "big", "null", "o"}) do d:del(k) end`:                                             `{"total":2,"trees":["oak","elm"]}`,
		`local d = response.load():data() d:get("collection"):del(0) d:get("collection"):get(0):set("new", 1.5) d:get("o"):get("deep"):set(3, "x") d:del("secret") d:del("big")`:                                                                                                                                                         `{"collection":[{"id":2,"new":1.5,"tree":"elm"}],"null":null,"o":{"deep":[1,2,null,"x"]}}`,
		`local d = response.load():data() local k = d:keys() local n = "" for i = 0, k:len() - 1 do n = n .. k:get(i) .. "," d:del(k:get(i)) end d:set("keys", n) d:set("none", luaNil.new()) d:set("l", luaList.new()) local t = luaTable.new() t:set("a", true) d:set("t", t) d:set("has", d:keyExists("keys")) d:set("len", d:len())`: `{"has":true,"keys":"big,collection,null,o,secret,","l":[],"len":5,"none":null,"t":{"a":true}}`,
		`local r = response.load() for i, k in ipairs({"collection", "secret", "big", "null", "o"}) do r:data():del(k) end r:data():set("s", r:statusCode()) r:data():set("c", r:isComplete()) r:data():set("h", r:headers("X-Own")) r:data():set("b", r:body()) r:data():set("null", tostring(r:data():get("gone")))`:                   `{"b":"","c":true,"h":"","null":"nil","s":200}`,
	} {
		atBackend := runFile(t, host, luaFile("", "/items "+extraConfig("modifier/lua-backend", luaPost(text))))
		atEndpoint := runFile(t, host, luaFile(extraConfig("modifier/lua-proxy", luaPost(text)), "/items"))
		for name, g := range map[string]*running{"backend": atBackend, "endpoint": atEndpoint} {
			if got := g.send(t, "GET /a/1", ""); got.StatusCode != http.StatusOK || got.Text != want || got.Header.Get("X-Krakend-Completed") != "true" {
				t.Errorf("%s, %s: got %d %s %v", name, text, got.StatusCode, got.Text, got.Header)
			}
		}
	}
}

// A backend's script sees the data shaped (KrakenD v3, 2.1: it stands around decode and
// shape); the endpoint's sees all of them together, a partial answer as well.
func TestAScriptSeesShapedAndMergedData(t *testing.T) {
	host := upstream(t, warehouse)
	const shaped = `"allow": ["name"], "mapping": {"name": "n"}, "group": "g"`
	tell := `local d = response.load():data() d:set("n", d:get("g"):get("n")) d:del("g")`
	g := runFile(t, host, luaFile("", "/user ,"+shaped+extraConfig("modifier/lua-backend", luaPost(tell))))
	if got := g.send(t, "GET /a/1", ""); got.Text != `{"n":"ann"}` {
		t.Errorf("got %d %s", got.StatusCode, got.Text)
	}
	clean := `local r = response.load() local d = r:data() d:del("secret") d:del("collection") d:set("whole", r:isComplete())`
	for second, want := range map[string]string{
		"/items": `{"big":12345678901234567890,"name":"ann","null":null,"o":{"deep":[1,2]},"whole":true}`,
		"/gone":  `{"name":"ann","whole":false}`,
	} {
		for _, sequential := range []string{"false", "true"} {
			g := runFile(t, host, luaFile(`, "extra_config": {"proxy": {"sequential": `+sequential+`}, "modifier/lua-proxy": `+luaPost(clean)+`}`, "/user", second))
			if got := g.send(t, "GET /a/1", ""); got.Text != want || got.Header.Get("X-Krakend-Completed") != strconv.FormatBool(second == "/items") {
				t.Errorf("%s, sequential %s: got %d %s %v", second, sequential, got.StatusCode, got.Text, got.Header)
			}
		}
	}
}

// Status and headers of a script reach the client of decoded answers too: the reference
// is silent, and who writes them wants them. They do not outlast a merge.
func TestAScriptSetsStatusAndHeaders(t *testing.T) {
	host := upstream(t, warehouse)
	const text = `local r = response.load() r:statusCode(202) r:headers("X-New", "a") r:headers("content-type", "application/x") r:isComplete(false)`
	for name, g := range map[string]*running{
		"backend":  runFile(t, host, luaFile("", "/user "+extraConfig("modifier/lua-backend", luaPost(text)))),
		"endpoint": runFile(t, host, luaFile(extraConfig("modifier/lua-proxy", luaPost(text)), "/user", "/items")),
	} {
		got := g.send(t, "GET /a/1", "")
		if h := got.Header; got.StatusCode != 202 || h.Get("X-New") != "a" || h.Get("Content-Type") != "application/x" ||
			h.Get("X-Krakend-Completed") != "false" || h.Get("Cache-Control") != "" || !strings.Contains(got.Text, "ann") {
			t.Errorf("%s: got %d %v %s", name, got.StatusCode, got.Header, got.Text)
		}
	}
	merged := runFile(t, host, luaFile("", "/user "+extraConfig("modifier/lua-backend", luaPost(`local r = response.load() r:statusCode(202) r:headers("X-New", "a")`)), "/items"))
	if got := merged.send(t, "GET /a/1", ""); got.StatusCode != 200 || got.Header.Get("X-New") != "" || got.Header.Get("X-Krakend-Completed") != "true" {
		t.Errorf("merged: got %d %v", got.StatusCode, got.Header)
	}
	empty := runFile(t, host, luaFile(extraConfig("modifier/lua-proxy", luaPost(`response.load():statusCode(204)`)), "/user"))
	if got := empty.send(t, "GET /a/1", ""); got.StatusCode != 204 || got.Text != "" || got.Header.Get("Content-Type") != "" {
		t.Errorf("got %d %q %v", got.StatusCode, got.Text, got.Header)
	}
}

func TestAScriptChangesAnAnswerOfNoOp(t *testing.T) {
	host := upstream(t, warehouse)
	const text = `local r = response.load() r:headers("X-Seen", r:statusCode() .. r:headers("x-own") .. r:body()) r:body(string.upper(r:body()) .. "!") r:statusCode(201)`
	for name, file := range map[string]string{
		"backend":    luaFile(`, "output_encoding": "no-op"`, "/plain "+extraConfig("modifier/lua-backend", luaPost(text))),
		"concurrent": luaFile(`, "output_encoding": "no-op", "concurrent_calls": 3`, "/plain "+extraConfig("modifier/lua-backend", luaPost(text))),
		"endpoint":   luaFile(`, "output_encoding": "no-op"`+extraConfig("modifier/lua-proxy", luaPost(text)), "/plain"),
	} {
		got := runFile(t, host, file).send(t, "GET /a/1", "")
		if h := got.Header; got.StatusCode != 201 || got.Text != "HELLO!" || h.Get("X-Seen") != "200backendhello" || h.Get("Content-Length") != "6" || h.Get("Etag") != "" {
			t.Errorf("%s: got %d %q %v", name, got.StatusCode, got.Text, got.Header)
		}
	}
	g := runFile(t, host, luaFile(`, "output_encoding": "no-op"`+extraConfig("modifier/lua-proxy", luaPost(`local r = response.load() r:data():set("x", 1) r:body("ignored") r:headers("X-Own", "mine")`)), "/none"))
	if got := g.send(t, "GET /a/1", ""); got.StatusCode != 204 || got.Text != "" || got.Header.Get("X-Own") != "mine" {
		t.Errorf("got %d %q %v", got.StatusCode, got.Text, got.Header)
	}
}

// A no-op answer whose body the script does not ask for is not held up.
func TestABodyThatNoScriptAsksForStreams(t *testing.T) {
	let := make(chan struct{})
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-let:
		case <-r.Context().Done():
		}
	})
	g := runFile(t, host, luaFile(`, "output_encoding": "no-op"`+extraConfig("modifier/lua-proxy", luaPost(`response.load():headers("X-New", "a")`)), "/"))
	resp, err := g.Client.Get(g.URL + "/a/1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	begin := make([]byte, 5)
	if _, err := io.ReadFull(resp.Body, begin); err != nil || string(begin) != "first" || resp.Header.Get("X-New") != "a" {
		t.Errorf("got %q, %v, %v", begin, err, resp.Header)
	}
	close(let)
}

func TestAScriptBehindACallThatFails(t *testing.T) {
	host := upstream(t, warehouse)
	for text, want := range map[string]string{
		`custom_error("too bad", 418, "text/tea")`: "418 too bad",
		`error("mine")`:                                           "500 lua: post:1: mine",
		"local r = response.load()\nr:x()":                        "500 lua: post:2: attempt to call a non-function object",
		`while true do end`:                                       "500 context deadline exceeded",
		`response.load():statusCode(42)`:                          "500 lua: post:1: bad argument #2 to statusCode (a status from 200 to 599 expected)",
		`response.load():headers("Content-Length", "1")`:          "500 lua: post:1: header Content-Length can't be set",
		`local d = response.load():data() d:set("me", d)`:         "500 lua: values are at most 200 deep",
		`response.load():data():set("n", 0/0)`:                    "500 lua: post:1: a number has to be finite",
		`response.load():data():set("f", print)`:                  "500 lua: post:1: a function can't be a part of data",
		`local t = {} t.t = t response.load():data():set("t", t)`: "500 lua: post:1: values are at most 200 deep",
		`response.load():data().set("t", t)`:                      "500 lua: post:1: bad argument #1 to set",
		`response.load():data().get(luaList.new(), 1)`:            "500 lua: post:1: bad argument #1 to get (luaTable expected: call its methods by a colon)",
		`luaList.new():set(100000000, 1)`:                         "500 lua: post:1: bad argument #2 to set (no index of this list)",
	} {
		backend := runFile(t, host, luaFile("", "/user "+extraConfig("modifier/lua-backend", luaPost(text))))
		endpoint := runFile(t, host, luaFile(extraConfig("modifier/lua-proxy", luaPost(text)), "/user"))
		for name, g := range map[string]*running{"backend": backend, "endpoint": endpoint} {
			got := g.send(t, "GET /a/1", "")
			if s := strconv.Itoa(got.StatusCode) + " " + got.Text; !strings.HasPrefix(s, want) || got.Header.Get("X-Krakend") != "Version 1.2.3" || got.Header.Get("X-Krakend-Completed") != "false" {
				t.Errorf("%s, %s: got %s %v", name, text, s, got.Header)
			}
		}
	}
	g := runFile(t, host, luaFile(`, "output_encoding": "no-op"`, "/plain "+extraConfig("modifier/lua-backend", luaPost(`response.load():headers("X-A", "b") custom_error("no", 403)`))))
	if got := g.send(t, "GET /a/1", ""); got.StatusCode != 403 || got.Text != "no" || got.Header.Get("X-Own") != "" {
		t.Errorf("got %d %q %v", got.StatusCode, got.Text, got.Header)
	}
}

// The configuration's own data is nobody's to change.
func TestAScriptChangesACopyOfStaticData(t *testing.T) {
	g := runFile(t, upstream(t, warehouse), luaFile(`, "extra_config": {"proxy": {"static": {"data": {"s": {"n": [1]}}, "strategy": "always"}},
		"modifier/lua-proxy": `+luaPost(`local n = response.load():data():get("s"):get("n") n:set(n:len(), 2)`)+`}`, "/user"))
	for range 3 {
		if got := g.send(t, "GET /a/1", ""); got.Text != `{"name":"ann","s":{"n":[1,2]},"secret":"y"}` {
			t.Fatalf("got %s", got.Text)
		}
	}
}

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
