package gateway

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatemeter/gatemeter/moesif"
)

// celAnswers is a file whose endpoints are given, each with a name of bodies as its
// path. A name in capitals stands for what a backend or an endpoint asks.
func celAnswers(endpoints string) string {
	return `{"version": 3, "host": ["HOST"], "timeout": "10s", "extra_config": {"router": {"return_error_msg": true}}, "endpoints": [` +
		strings.NewReplacer("CEL", `"validation/cel"`, "ASK", `"check_expr"`).Replace(endpoints) + `]}`
}

// answers is for every endpoint what it says.
func (r *running) answers(t *testing.T, want map[string]string) {
	t.Helper()
	for path, want := range want {
		got := r.send(t, "GET "+path, "")
		text, completed := want, "true"
		if strings.HasPrefix(want, "#") {
			text, completed = "request aborted by evaluator "+want, "false"
			if got.StatusCode != http.StatusInternalServerError || got.Header.Get("Content-Type") != "text/plain; charset=utf-8" || got.Header.Get("Cache-Control") != "" {
				t.Errorf("%s: got %d %v", path, got.StatusCode, got.Header)
			}
		} else if partial, is := strings.CutPrefix(want, "partial "); is {
			text, completed = partial, "false"
		}
		if got.Text != text || got.Header.Get("X-Krakend-Completed") != completed {
			t.Errorf("%s: got %d %q %v, want %q", path, got.StatusCode, got.Text, got.Header, want)
		}
	}
}

// #N counts the expressions about answers from 0, apart from those about requests. What
// passes does so byte by byte, whatever the expression has looked at.
func TestAnAnswerThatAnExpressionDoesNotLikeIsA500(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{ "total": 12, "at": {"b": 1,"a": 1.50}, "list": [1] }`)
	})
	const text = `{ "total": 12, "at": {"b": 1,"a": 1.50}, "list": [1] }`
	g := runFile(t, host, celAnswers(`
		{"endpoint": "/pass", "cache_ttl": "1m", "backend": [{"url_pattern": "/"}], "extra_config": {CEL: [
			{ASK: "req_method == 'GET'"}, {ASK: "resp_data.total == 12 && resp_data.at.a == 1.5 && resp_data.list[0] == 1"},
			{ASK: "int(resp_data.total) > 1"}, {ASK: "resp_completed"}, {ASK: "timestamp(now) > timestamp('2020-01-01T00:00:00Z')"}]}},
		{"endpoint": "/fail", "cache_ttl": "1m", "backend": [{"url_pattern": "/"}], "extra_config": {CEL: [
			{ASK: "req_method == 'GET'"}, {ASK: "resp_completed"}, {ASK: "resp_data.total == 13"}]}},
		{"endpoint": "/absent", "backend": [{"url_pattern": "/"}], "extra_config": {CEL: [{ASK: "resp_data.none == 13"}]}},
		{"endpoint": "/no-status", "backend": [{"url_pattern": "/"}], "extra_config": {CEL: [{ASK: "resp_metadata_status == 0 && size(resp_metadata_headers) == 0"}]}},
		{"endpoint": "/shaped", "backend": [{"url_pattern": "/", "target": "at", "mapping": {"a": "c"}, "group": "g"}], "extra_config": {CEL: [{ASK: "resp_data.g.c == 1.5 && !has(resp_data.at)"}]}}`))
	g.answers(t, map[string]string{
		"/pass": text, "/fail": "#1", "/absent": "#0", "/no-status": text, "/shaped": `{"g":{"b":1,"c":1.50}}`,
	})
	if got := g.send(t, "GET /pass", "").Header.Get("Cache-Control"); got != "public, max-age=60" {
		t.Errorf("Cache-Control is %q", got)
	}

	quiet := runFile(t, host, strings.ReplaceAll(celAnswers(`{"endpoint": "/fail", "backend": [{"url_pattern": "/"}], "extra_config": {CEL: [{ASK: "!resp_completed"}]}}`), "true", "false"))
	got := quiet.send(t, "GET /fail", "")
	if got.StatusCode != http.StatusInternalServerError || got.Text != "" || got.Header.Get("Content-Type") != "" || got.Header.Get("X-Krakend") != "Version 1.2.3" {
		t.Errorf("without return_error_msg: got %d %q %v", got.StatusCode, got.Text, got.Header)
	}
}

// A backend's expressions see what it said after its own target, mapping and group.
// One that fails is a backend that fails.
func TestABackendsAnswerThatAnExpressionDoesNotLikeIsNone(t *testing.T) {
	host := upstream(t, bodies)
	g := runFile(t, host, celAnswers(`
		{"endpoint": "/pass", "backend": [{"url_pattern": "/object", "target": "user", "allow": ["name"], "group": "g", "extra_config": {CEL: [{ASK: "resp_data.g.name == 'ann' && !has(resp_data.g.pw)"}]}}]},
		{"endpoint": "/fail", "backend": [{"url_pattern": "/object", "extra_config": {CEL: [{ASK: "resp_completed"}, {ASK: "resp_data.f > 2"}]}}]},
		{"endpoint": "/merged", "backend": [{"url_pattern": "/object", "extra_config": {CEL: [{ASK: "resp_data.f > 2"}]}}, {"url_pattern": "/gzip"}]},
		{"endpoint": "/details", "backend": [{"url_pattern": "/404", "extra_config": {CEL: [{ASK: "resp_data.error_x.http_status_code == 404"}, {ASK: "resp_completed"}], "backend/http": {"return_error_details": "x"}}}]},
		{"endpoint": "/sequence", "backend": [{"url_pattern": "/gzip"}, {"url_pattern": "/object", "extra_config": {CEL: [{ASK: "resp_data.f > 2"}]}}], "extra_config": {"proxy": {"sequential": true}}},
		{"endpoint": "/undecoded", "backend": [{"url_pattern": "/404", "encoding": "no-op", "group": "g", "extra_config": {CEL: [{ASK: "resp_metadata_status == 404 && resp_metadata_headers['Content-Type'][0] == 'text/x-reason'"}]}}],
		 "extra_config": {CEL: [{ASK: "resp_status == 404"}]}}`))
	g.answers(t, map[string]string{
		"/pass": `{"g":{"name":"ann"}}`, "/fail": "#1", "/merged": `partial {"zipped":true}`, "/details": "#1", "/sequence": `partial {"zipped":true}`, "/undecoded": `{"g":{}}`,
	})
}

// Chosen, the reference is silent: an endpoint's expressions are asked about partial
// answers, and about those that proxy.static has made of an error, as well.
func TestExpressionsKnowWhetherAnAnswerIsComplete(t *testing.T) {
	host := upstream(t, bodies)
	g := runFile(t, host, celAnswers(`
		{"endpoint": "/whole", "backend": [{"url_pattern": "/gzip"}, {"url_pattern": "/none"}], "extra_config": {CEL: [{ASK: "resp_completed && resp_data.zipped"}]}},
		{"endpoint": "/part", "backend": [{"url_pattern": "/gzip"}, {"url_pattern": "/404"}], "extra_config": {CEL: [{ASK: "resp_completed"}]}},
		{"endpoint": "/part-is-fine", "backend": [{"url_pattern": "/gzip"}, {"url_pattern": "/404"}], "extra_config": {CEL: [{ASK: "resp_data.zipped"}]}},
		{"endpoint": "/details", "backend": [{"url_pattern": "/404", "extra_config": {"backend/http": {"return_error_details": "x"}}}], "extra_config": {CEL: [{ASK: "resp_completed"}]}},
		{"endpoint": "/null", "backend": [{"url_pattern": "/null"}], "extra_config": {CEL: [{ASK: "resp_completed && size(resp_data) == 0"}]}},
		{"endpoint": "/static", "backend": [{"url_pattern": "/404"}], "extra_config": {CEL: [{ASK: "resp_data.a == 1"}, {ASK: "resp_completed"}], "proxy": {"static": {"data": {"a": 1}, "strategy": "errored"}}}},
		{"endpoint": "/failed", "backend": [{"url_pattern": "/404", "extra_config": {"backend/http": {"return_error_code": true}}}], "extra_config": {CEL: [{ASK: "resp_completed"}]}}`))
	g.answers(t, map[string]string{
		"/whole": `{"zipped":true}`, "/part": "#0", "/part-is-fine": `partial {"zipped":true}`, "/details": "#0", "/null": "partial null", "/static": "#1",
	})
	// What failed by itself keeps its error.
	if got := g.send(t, "GET /failed", ""); got.StatusCode != http.StatusNotFound || !strings.Contains(got.Text, "because") {
		t.Errorf("got %d %q", got.StatusCode, got.Text)
	}
}

// KrakenD asks an expression that has both req and resp in it about the request and again
// about the answer, and each time the variables of the other are missing: it passes
// where it does without them.
func TestAnExpressionAboutBothIsAskedAboutEach(t *testing.T) {
	asked := 0
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		bodies(w, r)
	})
	g := runFile(t, host, celAnswers(`
		{"endpoint": "/never", "backend": [{"url_pattern": "/gzip"}], "extra_config": {CEL: [{ASK: "req_method == 'GET' && resp_completed"}]}},
		{"endpoint": "/each", "backend": [{"url_pattern": "/gzip"}], "extra_config": {CEL: [{ASK: "req_method == 'GET' || resp_completed"}]}},
		{"endpoint": "/answer", "backend": [{"url_pattern": "/gzip"}], "extra_config": {CEL: [{ASK: "req_method == 'GET' || !resp_completed"}]}},
		{"endpoint": "/text", "backend": [{"url_pattern": "/gzip"}], "extra_config": {CEL: [{ASK: "!has(resp_data.request)"}]}}`))
	g.answers(t, map[string]string{"/never": "#0"})
	if asked != 0 {
		t.Error("the backend was asked")
	}
	// Our difference: the last one has req in a name, and is about the answer alone.
	g.answers(t, map[string]string{"/each": `{"zipped":true}`, "/answer": "#0", "/text": `{"zipped":true}`})
}

// A no-op answer is looked at before its body comes, and is not kept.
func TestAStreamIsLookedAtByItsHead(t *testing.T) {
	next, left := make(chan struct{}), make(chan struct{}, 1)
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Kind", "stream")
		if r.URL.Path == "/endless" {
			w.WriteHeader(http.StatusAccepted)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			left <- struct{}{}
			return
		}
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
		<-next
		_, _ = io.WriteString(w, " second")
	})
	g := runFile(t, host, celAnswers(`
			{"endpoint": "/pass", "output_encoding": "no-op", "backend": [{"url_pattern": "/", "extra_config": {CEL: [{ASK: "resp_metadata_status < 300"}]}}],
			 "extra_config": {CEL: [{ASK: "resp_metadata_status == 200 && resp_metadata_headers['X-Kind'][0] == 'stream'"}, {ASK: "resp_completed && size(resp_data) == 0"}]}},
			{"endpoint": "/endpoint", "output_encoding": "no-op", "backend": [{"url_pattern": "/endless"}], "extra_config": {CEL: [{ASK: "resp_metadata_status == 200"}]}},
			{"endpoint": "/backend", "output_encoding": "no-op", "backend": [{"url_pattern": "/endless", "extra_config": {CEL: [{ASK: "resp_metadata_status == 200"}]}}]}`))
	resp, err := g.Client.Get(g.URL + "/pass")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	first := make([]byte, 5)
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "first" {
		t.Fatalf("got %q, %v", first, err)
	}
	close(next)
	if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != " second" {
		t.Errorf("got %q, %v", rest, err)
	}
	for _, path := range []string{"/endpoint", "/backend"} {
		got := g.send(t, "GET "+path, "")
		if got.StatusCode != http.StatusInternalServerError || got.Text != "request aborted by evaluator #0" || got.Header.Get("X-Kind") != "" {
			t.Errorf("%s: got %d %q %v", path, got.StatusCode, got.Text, got.Header)
		}
		heard(t, left, "the end of the refused stream")
	}
}

// Of concurrent calls the first counts whose answer the backend's expressions like.
func TestConcurrentCallsGoOnUntilAnAnswerIsLiked(t *testing.T) {
	for _, output := range []string{"json", "no-op"} {
		var calls atomic.Int32
		bad := make(chan struct{})
		host := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
			if calls.Add(1) == 1 {
				w.Header().Set("X-Bad", "yes")
				_, _ = io.WriteString(w, `{"bad":true}`)
				close(bad)
				return
			}
			<-bad
			_, _ = io.WriteString(w, `{"bad":false}`)
		})
		expression := "!resp_data.bad"
		if output == "no-op" {
			expression = "!('X-Bad' in resp_metadata_headers)"
		}
		g := runFile(t, host, celAnswers(`{"endpoint": "/a", "output_encoding": "`+output+`", "concurrent_calls": 3, "backend": [{"url_pattern": "/", "extra_config": {CEL: [{ASK: "`+expression+`"}]}}]}`))
		if got := g.send(t, "GET /a", ""); got.StatusCode != http.StatusOK || got.Text != `{"bad":false}` {
			t.Errorf("%s: got %d %q", output, got.StatusCode, got.Text)
		}
	}
}

// The client did not get what it asked for: nobody is billed for that.
func TestAnswersThatExpressionsRefuseAreReportedSo(t *testing.T) {
	c := newCollector(t)
	s := serviceOfFile(t, upstream(t, bodies), celAnswers(`
		{"endpoint": "/endpoint", "backend": [{"url_pattern": "/gzip"}], "extra_config": {CEL: [{ASK: "!resp_completed"}]}},
		{"endpoint": "/backend", "backend": [{"url_pattern": "/gzip", "extra_config": {CEL: [{ASK: "!resp_completed"}]}}]},
		{"endpoint": "/call", "backend": [{"url_pattern": "/gzip", "extra_config": {CEL: [{ASK: "req_method == 'PUT'"}]}}]},
		{"endpoint": "/stream", "output_encoding": "no-op", "backend": [{"url_pattern": "/gzip"}], "extra_config": {CEL: [{ASK: "!resp_completed"}]}},
		{"endpoint": "/all", "backend": [{"url_pattern": "/gzip", "extra_config": {CEL: [{ASK: "!resp_completed"}]}}, {"url_pattern": "/none", "extra_config": {CEL: [{ASK: "!resp_completed"}]}}]},
		{"endpoint": "/one", "backend": [{"url_pattern": "/gzip", "extra_config": {CEL: [{ASK: "!resp_completed"}]}}, {"url_pattern": "/404"}]}`))
	s.Moesif = c.config()
	g := run(t, s)
	for path, refused := range map[string]string{
		"/endpoint": moesif.Forbidden, "/backend": moesif.Forbidden, "/call": moesif.Forbidden, "/stream": moesif.Forbidden, "/all": moesif.Forbidden, "/one": "",
	} {
		g.send(t, "GET "+path, "", "Authorization: Basic YW5uOng=")
		got := heard(t, c.events, "the event of "+path)
		if m := got.Metadata.Gatemeter; m.Route != path || m.Refused != refused || got.UserID != "ann" || got.Response.Status != 500 {
			t.Errorf("%s: got %+v", path, got)
		}
	}
}

// Whatever it was decoded from.
func TestExpressionsSeeDataOfEveryEncoding(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, map[string]string{
			"/json": `[{"n":1},2]`,
			"/safe": `"x"`,
			"/text": `plain`,
			"/xml":  `<u k="v"><n>1</n><n>2</n></u>`,
			"/yaml": "n: 1\nf: 1.5\nb: true\nwhen: 2026-11-28T10:00:00Z\nlist: [{a: 18446744073709551615}]\n",
			"/rss":  `<rss version="2.0"><channel><title>t</title><item><title>one</title></item></channel></rss>`,
		}[r.URL.Path])
	})
	for encoding, expression := range map[string]string{
		"json":     "resp_data.collection[0].n == 1 && resp_data.collection[1] == 2",
		"safejson": "resp_data.content == 'x'",
		"string":   "resp_data.content == 'plain'",
		"xml":      "resp_data.u['-k'] == 'v' && resp_data.u.n[1] == '2'",
		"yaml":     "resp_data.n == 1 && resp_data.f == 1.5 && resp_data.b && resp_data.list[0].a > 1u && has(resp_data.when)",
		"rss":      "resp_data.title == 't' && resp_data.items[0].title == 'one'",
	} {
		path := map[string]string{"safejson": "/safe", "string": "/text"}[encoding]
		if path == "" {
			path = "/" + encoding
		}
		collection := "false"
		if encoding == "json" {
			collection = "true"
		}
		ask := `"extra_config": {CEL: [{ASK: "` + expression + `"}, {ASK: "size(resp_data) > 0"}]}`
		g := runFile(t, host, celAnswers(`{"endpoint": "/a", "backend": [{"url_pattern": "`+path+`", "encoding": "`+encoding+`", "is_collection": `+collection+`, `+ask+`}], `+ask+`}`))
		if got := g.send(t, "GET /a", ""); got.StatusCode != http.StatusOK {
			t.Errorf("%s: got %d %q", encoding, got.StatusCode, got.Text)
		}
	}
}
