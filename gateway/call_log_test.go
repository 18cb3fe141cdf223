package gateway

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// callLog runs a service with this telemetry/logging, makes the calls, and gives what
// the log of formats and the log itself have of them, with HOST for the backend's host
// and N for times.
func callLog(t *testing.T, logging, endpoints string, calls ...string) (formatted, log string) {
	t.Helper()
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/there?key=s3cret", http.StatusFound)
			return
		}
		_, _ = w.Write([]byte(`{"ok":true}`))
	})
	s := fromFile(t, `{"version":3,"host":["HOST"],"extra_config":{"telemetry/logging":`+logging+`,"router":{"disable_access_log":true}},
		"endpoints":[`+endpoints+`]}`, host)
	var lines, own bytes.Buffer
	g := runAs(t, s, Options{Access: &lines, Logger: slog.New(slog.NewTextHandler(&own, nil))})
	for _, call := range calls {
		g.send(t, call, "", "Referer: https://page.example/?key=s3cret", "User-Agent: ann", "Authorization: s3cret")
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(host)
	if err != nil {
		t.Fatal(err)
	}
	tidy := func(b *bytes.Buffer) string {
		text := strings.ReplaceAll(b.String(), u.Host, "HOST")
		return regexp.MustCompile(`\[\d\d/\w{3}/\d{4}:[^]]*\]|time=\S+|duration=\S+`).ReplaceAllString(text, "N")
	}
	formatted, log = tidy(&lines), tidy(&own)
	if strings.Contains(formatted+log, "s3cret") {
		t.Errorf("a secret is in the log:\n%s%s", formatted, log)
	}
	return formatted, log
}

// The forms are those of access_log_format; a request's line begins with the backend.
func TestCallsToBackendsAreLoggedInTheirForms(t *testing.T) {
	const endpoint = `{"endpoint":"/a/{id}","input_headers":["*"],"backend":[{"url_pattern":"/b/{id}?key=s3cret"}]}`
	for logging, want := range map[string]string{
		`"backend_access_log_format":"httpdCommon"`:   `HOST - - N "GET http://HOST/b/7 HTTP/1.1" 200 11` + "\n",
		`"backend_access_log_format":"httpdCombined"`: `HOST - - N "GET http://HOST/b/7 HTTP/1.1" 200 11 "https://page.example/" "ann"` + "\n",
		`"backend_access_log_format":"custom","backend_access_log_custom_format":"%m %v %U %>s %B %{x-forwarded-for}i"`: "GET HOST /b/7 200 11 127.0.0.1\n",
		`"level":"INFO"`: "",
	} {
		if got, _ := callLog(t, `{"level":"ERROR",`+logging+`}`, endpoint, "GET /a/7?key=s3cret"); got != want {
			t.Errorf("%s:\n got %q\nwant %q", logging, got, want)
		}
	}
	got, _ := callLog(t, `{"level":"ERROR","backend_access_log_format":"json"}`, endpoint, "GET /a/7")
	var line map[string]any
	if err := json.Unmarshal([]byte(got), &line); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	for key, want := range map[string]any{"backend": "http://HOST", "method": "GET", "path": "/b/7", "status": 200.0, "bytes": 11.0, "host": "HOST", "client": nil} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
	_, log := callLog(t, `{"level":"INFO","backend_access_log_format":"default"}`, endpoint, "GET /a/7")
	if want := `N level=INFO msg="backend call" status=200 method=GET path=/b/7 N bytes=11 backend=http://HOST` + "\n"; !strings.Contains(log, want) {
		t.Errorf("got %s\nwant %s", log, want)
	}
}

// Each call has its line: those of several backends, each redirect, streams, and those
// that fail. An answer out of a cache is none.
func TestEveryCallToABackendHasItsLine(t *testing.T) {
	away := httptest.NewServer(nil)
	away.Close()
	got, _ := callLog(t, `{"level":"ERROR","backend_access_log_format":"custom","backend_access_log_custom_format":"%m %U %>s %b"}`, `
		{"endpoint":"/two","backend":[{"url_pattern":"/one","group":"a"},{"url_pattern":"/two","group":"b"}],"extra_config":{"proxy":{"sequential":true}}},
		{"endpoint":"/moved","output_encoding":"no-op","backend":[{"url_pattern":"/moved"}]},
		{"endpoint":"/away","method":"POST","backend":[{"url_pattern":"/away","host":["`+away.URL+`"]}]}`,
		"GET /two", "GET /moved", "POST /away", "GET /none")
	want := "GET /one 200 11\nGET /two 200 11\nGET /moved 302 60\nGET /there 200 11\nPOST /away - -\n"
	if got = regexp.MustCompile(`302 (\d+|-)`).ReplaceAllString(got, "302 60"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestWithoutAFormatNoCallIsWrapped(t *testing.T) {
	g := partsOf(t, serviceOf(noop("GET /a", "http://127.0.0.1:1", "/")))
	if got := g.calls.Calls(http.DefaultTransport); got != http.DefaultTransport {
		t.Errorf("got %T", got)
	}
	if c := (config.Logging{}).Calls; c != nil {
		t.Errorf("got %v", c)
	}
}
