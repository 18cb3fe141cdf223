package gateway

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
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
