package gateway

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// runFile starts a gateway with a krakend.json; HOST in it stands for host.
func runFile(t testing.TB, host, file string) *running {
	t.Helper()
	return run(t, serviceOfFile(t, host, file))
}

func serviceOfFile(t testing.TB, host, file string) *config.Service {
	t.Helper()
	s, err := config.Parse("krakend.json", []byte(strings.ReplaceAll(file, "HOST", host)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const schemaFile = `{"version": 3, "host": ["HOST"], "timeout": "10s",
	"extra_config": {"router": {"return_error_msg": MESSAGES}},
	"endpoints": [
		{"endpoint": "/a", "method": "POST", "output_encoding": "no-op", "backend": [{"url_pattern": "/"}],
		 "extra_config": {"validation/json-schema": {"type": "object", "required": ["n"], "properties": {"n": {"type": "number"}, "when": {"format": "date"}}}}},
		{"endpoint": "/slow", "method": "POST", "timeout": "50ms", "output_encoding": "no-op", "backend": [{"url_pattern": "/"}],
		 "extra_config": {"validation/json-schema": {"type": "object"}}}]}`

// The endpoint answers, so X-Krakend is there; the body is empty unless
// return_error_msg is on, as for every error of a pipe. The text is our own.
func TestABodyThatTheSchemaDoesNotAllowIsA400(t *testing.T) {
	asked := make(chan string, 1)
	host := upstream(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked <- string(body)
	})
	for _, messages := range []string{"false", "true"} {
		g := runFile(t, host, strings.ReplaceAll(schemaFile, "MESSAGES", messages))
		for body, text := range map[string]string{
			"":                          "could not validate an empty body",
			`{"n":"1"}`:                 "/n: got string, want number",
			`{"when":"soon"}`:           "/: missing property 'n'\n/when: 'soon' is not valid date: parsing time \"soon\" as \"2006-01-02\": cannot parse \"soon\" as \"2006\"",
			`[]`:                        "/: got array, want object",
			`{"n":1`:                    "the body is not JSON: unexpected EOF",
			`{"n":1} {"n":"x"}`:         "the body is not JSON: something follows its end",
			`{"n":1}` + "\x00":          "the body is not JSON: something follows its end",
			`{"n":1,"when":"2026-1-1"}`: "/when: '2026-1-1' is not valid date: parsing time \"2026-1-1\" as \"2006-01-02\": cannot parse \"1-1\" as \"01\"",
		} {
			got := g.send(t, "POST /a", body)
			want, contentType := text, "text/plain; charset=utf-8"
			if messages == "false" {
				want, contentType = "", ""
			}
			if got.StatusCode != http.StatusBadRequest || got.Text != want || got.Header.Get("Content-Type") != contentType {
				t.Errorf("%q: got %d %q %q", body, got.StatusCode, got.Text, got.Header)
			}
			if got.Header.Get("X-Krakend") != "Version 1.2.3" || got.Header.Get("X-Krakend-Completed") != "false" {
				t.Errorf("%q: headers are %v", body, got.Header)
			}
		}
	}
	if len(asked) != 0 {
		t.Error("the backend was asked")
	}
}

func TestABodyThatTheSchemaAllowsReachesTheBackendWhole(t *testing.T) {
	g := runFile(t, upstream(t, tellSeen), strings.ReplaceAll(schemaFile, "MESSAGES", "false"))
	body := `{"n":12345678901234567890.0, "more": "` + strings.Repeat("x", 100_000) + `"}`
	if got := g.see(t, "POST /a", body); got.Body != body || got.Length != int64(len(body)) {
		t.Errorf("the backend saw %d bytes, length %d", len(got.Body), got.Length)
	}
	chunked, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+"/a", io.MultiReader(strings.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := g.Client.Do(chunked)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || !strings.Contains(string(text), `"Chunked":true`) {
		t.Errorf("got %d %.200s", resp.StatusCode, text)
	}
}

func TestABodyToValidateIsBoundedInSizeAndTime(t *testing.T) {
	g := runFile(t, "http://127.0.0.1:1", strings.ReplaceAll(schemaFile, "MESSAGES", "false"))
	for _, length := range []int64{11 << 20, -1} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+"/a", io.LimitReader(spaces{}, 11<<20))
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = length
		resp, err := g.Client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("length %d: got %d", length, resp.StatusCode)
		}
	}

	metered := serviceOfFile(t, "http://127.0.0.1:1", strings.ReplaceAll(schemaFile, "MESSAGES", "false"))
	metered.Moesif = newCollector(t).config()
	for _, g := range []*running{g, run(t, metered)} {
		conn, err := net.DialTimeout("tcp", g.Addr(), patience)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(conn, "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn) // the gateway closes it
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
			t.Errorf("got %q, %v", answer, err)
		}
	}
}

// What a check refuses is an event that says so.
func TestWhatChecksRefuseIsReported(t *testing.T) {
	c := newCollector(t)
	s := serviceOfFile(t, "http://127.0.0.1:1", `{"version": 3, "host": ["HOST"], "endpoints": [
		{"endpoint": "/schema", "method": "POST", "backend": [{"url_pattern": "/"}], "extra_config": {"validation/json-schema": {"type": "object"}}},
		{"endpoint": "/cel", "method": "POST", "backend": [{"url_pattern": "/"}], "extra_config": {"validation/cel": [{"check_expr": "req_method == 'GET'"}]}},
		{"endpoint": "/lua", "method": "POST", "backend": [{"url_pattern": "/"}], "extra_config": {"modifier/lua-endpoint": {"pre": "custom_error('no', 401)"}}}]}`)
	s.Moesif = c.config()
	g := run(t, s)
	for path, want := range map[string]struct {
		refused, user string
		status        int
	}{
		"/schema": {moesif.BadRequest, "ann", 400},
		"/cel":    {moesif.Forbidden, "ann", 500},
		"/lua":    {moesif.Unauthenticated, "", 401},
	} {
		g.send(t, "POST "+path, "[]", "Authorization: Basic YW5uOng=")
		got := heard(t, c.events, "the event of "+path)
		if m := got.Metadata.Gatemeter; m.Route != path || m.Refused != want.refused || got.UserID != want.user || got.Response.Status != want.status || string(got.Response.Body) == "" && want.status == 401 {
			t.Errorf("%s: got %+v", path, got)
		}
	}
}

// spaces is an endless body.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
