package gateway

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// scripted is a no-op POST endpoint with scripts, as JSON blocks; "" stands for none.
func scripted(t *testing.T, host, atEndpoint, atBackend string) *running {
	t.Helper()
	extra := func(namespace, block string) string {
		if block == "" {
			return ""
		}
		return `, "extra_config": {"` + namespace + `": ` + block + `}`
	}
	return runFile(t, host, `{"version": 3, "host": ["HOST"], "timeout": "1s", "extra_config": {"router": {"return_error_msg": true}},
		"endpoints": [{"endpoint": "/a/{id}", "method": "POST", "output_encoding": "no-op", "input_headers": ["X-A", "X-New"], "input_query_strings": ["*"]`+extra("modifier/lua-endpoint", atEndpoint)+`,
		"backend": [{"url_pattern": "/b/{id}?own=1"`+extra("modifier/lua-backend", atBackend)+`}]}]}`)
}

func pre(text string) string { return `{"pre": ` + strconv.Quote(text) + `}` }

func TestAnEndpointsScriptChangesTheRequest(t *testing.T) {
	host := upstream(t, tellSeen)
	dir := t.TempDir()
	source := filepath.Join(dir, "shout.lua")
	if err := os.WriteFile(source, []byte(`function shout(s) return string.upper(s) .. "!" end`), 0o600); err != nil {
		t.Fatal(err)
	}
	g := scripted(t, host, `{"sources": [`+strconv.Quote(source)+`], "md5": {`+strconv.Quote(source)+`: "cacd2b88e726d17fe92bc704d8eea59f"}, "pre": "local c = ctx.load(); c:headers('x-new', shout(c:headers('X-A') .. c:params('id') .. c:query('q') .. c:method() .. c:path() .. c:host())); c:query('q', 'new'); c:params('id', 'changed'); c:body(c:body() .. ' and more')"}`, "")
	got := g.see(t, "POST /a/7?q=one", "sent", "X-A: a", "Host: api.example")
	if got.Header.Get("X-New") != "A7ONEPOST/A/7API.EXAMPLE!" || got.Header.Get("X-A") != "a" || got.URI != "/b/changed?own=1&q=new" || got.Body != "sent and more" || got.Length != int64(len(got.Body)) {
		t.Errorf("the backend saw %+v", got)
	}
}

func TestABackendsScriptChangesTheCall(t *testing.T) {
	g := scripted(t, upstream(t, tellSeen), "", pre(`local r = request.load();
		r:headers("X-New", r:headers("X-A") .. r:params("Id") .. r:params("id") .. r:method() .. r:path() .. r:query());
		r:method("PUT"); r:path("/other path"); r:query("z=1"); r:body(r:body() .. "!")`))
	for range 2 {
		got := g.see(t, "POST /a/7?q=one", "sent", "X-A: a")
		if got.Method != "PUT" || got.Header.Get("X-New") != "a77POST/b/7own=1&q=one" || got.URI != "/other%20path?z=1" || got.Body != "sent!" || got.Length != 5 {
			t.Errorf("the backend saw %+v", got)
		}
	}
}

// What custom_error of an endpoint says is sent in any case, and is not the
// endpoint's answer: no X-Krakend. A backend's is an error of the pipe.
func TestAScriptAnswersByCustomError(t *testing.T) {
	const teapot = `if not string.find(request_id(), "ok") then custom_error("I'm a teapot", 418, "text/tea") end`
	atEndpoint := scripted(t, upstream(t, tellSeen), pre(`function request_id() return ctx.load():params("id") end `+teapot), "")
	atBackend := scripted(t, upstream(t, tellSeen), "", pre(`function request_id() return request.load():params("id") end `+teapot))
	for g, krakend := range map[*running]string{atEndpoint: "", atBackend: "Version 1.2.3"} {
		got := g.send(t, "POST /a/7", "body")
		if got.StatusCode != http.StatusTeapot || got.Text != "I'm a teapot" || got.Header.Get("Content-Type") != "text/tea" || got.Header.Get("X-Krakend") != krakend {
			t.Errorf("got %d %q %v", got.StatusCode, got.Text, got.Header)
		}
		if got := g.send(t, "POST /a/ok", "body"); got.StatusCode != http.StatusOK {
			t.Errorf("got %d %q", got.StatusCode, got.Text)
		}
	}
}

func TestAScriptThatFailsIsA500(t *testing.T) {
	for text, want := range map[string]string{
		`error("mine")`:                          "lua: pre:1: mine",
		`local x = y.z`:                          "lua: pre:1: attempt to index a non-table object(nil) with key 'z'",
		`while true do end`:                      "context deadline exceeded",
		`H.load():headers("Connection", "x")`:    "lua: pre:1: header Connection can't be set",
		`H.load():headers("X-A", "a\r\nX-B: b")`: "lua: pre:1: header X-A can't be set",
	} {
		for _, helper := range []string{"ctx", "request"} {
			block := pre(strings.Replace(text, "H", helper, 1))
			atEndpoint, atBackend := block, ""
			if helper == "request" {
				atEndpoint, atBackend = "", block
			}
			g := scripted(t, "http://127.0.0.1:1", atEndpoint, atBackend)
			got := g.send(t, "POST /a/7", "")
			if got.StatusCode != http.StatusInternalServerError || !strings.HasSuffix(got.Text, want) {
				t.Errorf("%s, %s: got %d %q", helper, text, got.StatusCode, got.Text)
			}
		}
	}
}

// A script sets parameters that are looked at as the client's are.
func TestAScriptsParametersAreSafe(t *testing.T) {
	g := scripted(t, "http://127.0.0.1:1", pre(`ctx.load():params("id", "..")`), "")
	if got := g.send(t, "POST /a/7", ""); got.StatusCode != http.StatusBadRequest {
		t.Errorf("got %d %q", got.StatusCode, got.Text)
	}
}
