package gateway

import (
	"compress/gzip"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// bodies answers with the body of the path's name, and a status where it is one.
func bodies(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[1:]
	if status, err := strconv.Atoi(name); err == nil {
		w.Header().Set("Content-Type", "text/x-reason")
		w.WriteHeader(status)
		if status != http.StatusNoContent {
			_, _ = w.Write([]byte(`{"why":"<because>"}`))
		}
		return
	}
	if name == "gzip" {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write([]byte(`{"zipped":true}`))
		_ = z.Close()
		return
	}
	_, _ = w.Write([]byte(map[string]string{
		"object": `{"id":12345678901234567890,"f":1.50,"user":{"name":"ann","pw":"x","deep":{"k":1}},"list":[{"a":1}]} trailing`,
		"array":  `[{"a":1},2]`,
		"null":   `null`,
		"empty":  ``,
		"broken": `{"a":`,
		"none":   `{}`,
		"scalar": `"x"`,
		"text":   `plain <text>`,
	}[name]))
}

func TestAnswersAreDecodedShapedAndRendered(t *testing.T) {
	host := upstream(t, bodies)
	type b = config.Backend
	for _, c := range []struct {
		name     string
		body     string
		output   string
		backend  b
		status   int
		text     string
		complete string
		typ      string
	}{
		{"json", "object", "json", b{}, 200, `{"f":1.50,"id":12345678901234567890,"list":[{"a":1}],"user":{"deep":{"k":1},"name":"ann","pw":"x"}}`, "true", "application/json; charset=utf-8"},
		{"gzip", "gzip", "json", b{}, 200, `{"zipped":true}`, "true", ""},
		{"201 becomes 200", "201", "json", b{}, 200, `{"why":"\u003cbecause\u003e"}`, "true", ""},
		{"null", "null", "json", b{}, 200, "null", "false", ""},
		{"null collection", "null", "json", b{IsCollection: true}, 200, `{"collection":null}`, "true", ""},
		{"collection", "array", "json", b{IsCollection: true}, 200, `{"collection":[{"a":1},2]}`, "true", ""},
		{"json-collection", "array", "json-collection", b{IsCollection: true}, 200, `[{"a":1},2]`, "true", ""},
		{"json-collection without one", "none", "json-collection", b{}, 200, `[]`, "false", ""},
		{"safejson object", "none", "json", b{Encoding: "safejson"}, 200, `{}`, "false", ""},
		{"safejson array", "array", "json", b{Encoding: "safejson"}, 200, `{"collection":[{"a":1},2]}`, "true", ""},
		{"safejson scalar", "scalar", "json", b{Encoding: "safejson"}, 200, `{"content":"x"}`, "true", ""},
		{"string", "text", "string", b{Encoding: "string"}, 200, "plain <text>", "true", "text/plain; charset=utf-8"},
		{"string in json", "text", "json", b{Encoding: "string"}, 200, `{"content":"plain \u003ctext\u003e"}`, "true", ""},
		{"string without content", "object", "string", b{}, 200, "", "true", "text/plain; charset=utf-8"},
		{"unknown output takes the backend's", "text", "odd", b{Encoding: "string"}, 200, "plain <text>", "true", "text/plain; charset=utf-8"},
		{"no-op backend", "object", "json", b{Encoding: "no-op"}, 200, `{}`, "false", ""},
		{"no-op backend's status", "404", "json", b{Encoding: "no-op"}, 200, `{}`, "false", ""},
		{"target", "object", "json", b{Target: "user.deep"}, 200, `{"k":1}`, "true", ""},
		{"missing target", "object", "json", b{Target: "user.none"}, 200, `{}`, "false", ""},
		{"group", "object", "json", b{Group: "g", Allow: []string{"f"}}, 200, `{"g":{"f":1.50}}`, "true", ""},
		{"allow", "object", "json", b{Allow: []string{"user.name", "user.deep.none", "list.a", "f.x"}, Deny: []string{"user"}}, 200, `{"user":{"name":"ann"}}`, "true", ""},
		{"deny", "object", "json", b{Deny: []string{"user.pw", "user.deep.k", "list.a", "id", "f.x"}}, 200, `{"f":1.50,"list":[{"a":1}],"user":{"deep":{},"name":"ann"}}`, "true", ""},
		{"mapping", "object", "json", b{Allow: []string{"id", "f"}, Mapping: map[string]string{"id": "f", "f": "id.cut", "user.name": "no"}}, 200, `{"f":12345678901234567890,"id":1.50}`, "true", ""},

		{"array for object", "array", "json", b{}, 500, "", "false", ""},
		{"empty body", "empty", "json", b{}, 500, "", "false", ""},
		{"broken body", "broken", "json", b{}, 500, "", "false", ""},
		{"202", "202", "json", b{}, 500, "", "false", ""},
		{"204", "204", "json", b{}, 500, "", "false", ""},
		{"404", "404", "json", b{}, 500, "", "false", ""},
		{"return_error_code", "404", "json", b{ReturnErrorCode: true}, 404, "", "false", ""},
		{"return_error_code of 204", "204", "json", b{ReturnErrorCode: true}, 204, "", "false", ""},
		{"return_error_details", "404", "json", b{ErrorDetails: "x", Group: "g"}, 200, `{"error_x":{"http_status_code":404,"http_body":"{\"why\":\"\u003cbecause\u003e\"}","http_body_encoding":"text/x-reason"}}`, "false", ""},
		{"details win", "404", "json", b{ErrorDetails: "x", ReturnErrorCode: true}, 200, `{"error_x":{"http_status_code":404,"http_body":"{\"why\":\"\u003cbecause\u003e\"}","http_body_encoding":"text/x-reason"}}`, "false", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			backend := c.backend
			backend.URLPattern, backend.Hosts, backend.Method = "/"+c.body, []string{host}, http.MethodGet
			if backend.Encoding == "" {
				backend.Encoding = "json"
			}
			g := serving(t, config.Endpoint{
				Path: "/a", Method: http.MethodGet, Timeout: patience, CacheTTL: time.Minute, OutputEncoding: c.output,
				Backends: []config.Backend{backend},
			})
			got := g.send(t, "GET /a", "")
			if got.StatusCode != c.status || got.Text != c.text {
				t.Errorf("got  %d %s\nwant %d %s", got.StatusCode, got.Text, c.status, c.text)
			}
			if complete := got.Header.Get("X-Krakend-Completed"); complete != c.complete {
				t.Errorf("X-Krakend-Completed: %s", complete)
			}
			want := ""
			if c.complete == "true" {
				want = "public, max-age=60"
			}
			if cache := got.Header.Get("Cache-Control"); cache != want {
				t.Errorf("Cache-Control: %q, want %q", cache, want)
			}
			if c.typ != "" && got.Header.Get("Content-Type") != c.typ {
				t.Errorf("Content-Type: %q", got.Header.Get("Content-Type"))
			}
		})
	}
}

// KrakenD v3, 1.8 and 9: complete answers to any method may be cached, and a backend
// that has no body to decode has failed.
func TestMethodsMakeNoDifferenceToAnswers(t *testing.T) {
	host := upstream(t, bodies)
	head := func(e *config.Endpoint) { e.Backends[0].Method = http.MethodHead }
	var endpoints []config.Endpoint
	methods := []string{"GET", "POST", "PUT", "PATCH", "DELETE"}
	for _, method := range methods {
		endpoints = append(endpoints, object(method+" /a", host, "/gzip", cacheTTL(90*time.Second)))
	}
	g := serving(t, append(endpoints, object("GET /head", host, "/gzip", head, cacheTTL(time.Minute)))...)
	for _, method := range methods {
		got := g.send(t, method+" /a", "")
		got.check(t, method, 200, `{"zipped":true}`, "true")
		if cache := got.Header.Get("Cache-Control"); cache != "public, max-age=90" {
			t.Errorf("%s: Cache-Control: %q", method, cache)
		}
	}
	g.send(t, "GET /head", "").check(t, "HEAD", 500, "", "false")
}

func TestErrorMessagesAreReturnedWhenAskedFor(t *testing.T) {
	host := upstream(t, bodies)
	code := func(e *config.Endpoint) { e.Backends[0].ReturnErrorCode = true }
	s := serviceOf(object("GET /a", host, "/404"), object("GET /b", host, "/503", code), object("GET /c", host, "/empty"),
		noop("GET /d", "http://127.0.0.1:1", "/x"), noop("GET /e", host, "/404"))
	s.Router.ReturnErrorMsg = true
	g := run(t, s)
	for _, c := range []struct{ path, status, text, typ string }{
		{"/a", "500", "invalid status code 404 [GET /404]: " + host + "/404", "text/plain; charset=utf-8"},
		{"/b", "503", `{"why":"<because>"}`, "text/x-reason"},
		{"/c", "500", "decoding JSON: EOF", "text/plain; charset=utf-8"},
		{"/d", "500", `Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused`, "text/plain; charset=utf-8"},
		{"/e", "404", `{"why":"<because>"}`, "text/x-reason"},
	} {
		got := g.send(t, "GET "+c.path, "")
		if strconv.Itoa(got.StatusCode) != c.status || got.Text != c.text || got.Header.Get("Content-Type") != c.typ {
			t.Errorf("%s: got %d %q %q", c.path, got.StatusCode, got.Text, got.Header.Get("Content-Type"))
		}
	}
}
