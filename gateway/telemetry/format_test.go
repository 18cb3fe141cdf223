package telemetry

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// at logs one line at a level, with a time that does not change.
func at(t *testing.T, h slog.Handler, level slog.Level, message string, attrs ...any) {
	t.Helper()
	r := slog.NewRecord(time.Date(2026, 11, 28, 15, 4, 5, 678e6, time.UTC), level, message, 0)
	r.Add(attrs...)
	if err := h.Handle(t.Context(), r); err != nil {
		t.Error(err)
	}
}

func TestLogstashFormatIsJSON(t *testing.T) {
	var out bytes.Buffer
	h := Logger(config.Logging{Level: "INFO", Format: "logstash", Prefix: "[SHOP]", Set: true}, &out).With("a", 1).WithGroup("g").Handler()
	at(t, h, slog.LevelWarn, "a \"quoted\"\nmessage", "time", "own", "b", 2)
	want := `{"@timestamp":"2026-11-28T15:04:05.678Z","level":"WARNING","message":"[SHOP] a \"quoted\"\nmessage","@version":1,"module":"gatemeter","a":1,"g":{"time":"own","b":2}}` + "\n"
	if out.String() != want {
		t.Errorf("got  %swant %s", out.String(), want)
	}
	if Logger(config.Logging{Level: "INFO", Format: "logstash"}, &out).Enabled(t.Context(), slog.LevelDebug) {
		t.Error("DEBUG is enabled")
	}
}

func TestCustomFormatFollowsItsPattern(t *testing.T) {
	var out bytes.Buffer
	h := Logger(config.Logging{Level: "WARNING", Format: "custom", Prefix: "[SHOP]", Custom: []config.LogPart{
		{Verb: "time", Layout: "15:04:05.000"}, {Text: " "}, {Verb: "color"}, {Verb: "level", Layout: ".4s"}, {Verb: "color", Layout: "reset"},
		{Text: " "}, {Verb: "module", Layout: "-10s"}, {Text: "| "}, {Verb: "message"},
	}}, &out).With("a", "x y").WithGroup("g").Handler()
	if h.Enabled(t.Context(), slog.LevelInfo) || !h.Enabled(t.Context(), slog.LevelWarn) {
		t.Error("the level is not followed")
	}
	at(t, h, LevelCritical, "two\nlines", "level", "own")
	at(t, h, slog.LevelWarn, "more")
	want := "15:04:05.678 \x1b[35mCRIT\x1b[0m gatemeter | [SHOP] two lines a=\"x y\" g.level=own\n" +
		"15:04:05.678 \x1b[33mWARN\x1b[0m gatemeter | [SHOP] more a=\"x y\"\n"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
	out.Reset()
	Logger(config.Logging{Level: "INFO", Format: "custom", Custom: []config.LogPart{{Verb: "time"}, {Text: " "}, {Verb: "pid"}, {Text: " "}, {Verb: "program"}}}, &out).Info("x")
	if fields := strings.Fields(out.String()); len(fields) != 3 {
		t.Errorf("got %q", out.String())
	}
}

func request(target string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func TestAccessLogFormats(t *testing.T) {
	line := Line{
		Time: time.Date(2026, 11, 28, 15, 4, 6, 500e6, time.UTC), Method: "GET", Path: "/a b", Client: "10.0.0.1",
		Status: 200, Bytes: 12, Duration: 1500 * time.Millisecond,
	}
	r := request("/a%20b?key=secret", "User-Agent", "evil\" 200\r\n", "Referer", "https://shop.example/")
	for _, c := range []struct {
		log  config.AccessLog
		want string
	}{
		{config.AccessLog{Format: "httpdCommon"}, `10.0.0.1 - - [28/Nov/2026:15:04:05 +0000] "GET /a%20b HTTP/1.1" 200 12`},
		{
			config.AccessLog{Format: "httpdCombined"},
			`10.0.0.1 - - [28/Nov/2026:15:04:05 +0000] "GET /a%20b HTTP/1.1" 200 12 "https://shop.example/" "evil\" 200\x0d\x0a"`,
		},
		{
			config.AccessLog{Format: "json"},
			`{"time":"2026-11-28T15:04:05Z","client":"10.0.0.1","method":"GET","host":"example.com","path":"/a b","protocol":"HTTP/1.1",` +
				`"status":200,"bytes":12,"duration_ms":1500,"referer":"https://shop.example/","user_agent":"evil\" 200\r\n"}`,
		},
		{
			config.AccessLog{Format: "custom", Custom: []config.LogPart{
				{Verb: "m"}, {Text: " "}, {Verb: "U"}, {Verb: "q"}, {Text: " "}, {Verb: "B"}, {Text: " "}, {Verb: "D"}, {Text: " "}, {Verb: "T"},
				{Text: " "}, {Verb: "H"}, {Text: " "}, {Verb: "v"}, {Text: " "}, {Verb: "i", Layout: "X-None"},
			}},
			`GET /a%20b?key=secret 12 1500000 1 HTTP/1.1 example.com -`,
		},
	} {
		var out bytes.Buffer
		a := NewAccess(slog.New(slog.DiscardHandler), c.log, &out) // its level does not matter
		a.Log(r, line)
		a.Close()
		if out.String() != c.want+"\n" {
			t.Errorf("%s:\n got %s\nwant %s", c.log.Format, out.String(), c.want)
		}
	}
	var out bytes.Buffer
	a := NewAccess(slog.New(slog.DiscardHandler), config.AccessLog{Format: "httpdCombined"}, &out)
	a.Log(request("/"+strings.Repeat("x", 1<<20)), Line{})
	a.Close()
	if out.Len() > 3*longestField || !strings.HasSuffix(out.String(), "\n") {
		t.Errorf("a line of %d bytes", out.Len())
	}
	if nothing := newAccessFormat(config.AccessLog{}); nothing != nil {
		t.Error("no format is a format")
	}
	if !json.Valid(appendAccessJSON(nil, r, &line)) {
		t.Error("not JSON")
	}
}

// Whatever a client sends, a line of the access log is one line, and what stands in
// quotes ends where it should.
func FuzzAccessLine(f *testing.F) {
	f.Add("/a?b", "agent", "host")
	f.Add("/%22%0a", "\" 200 1\r\n", "a\x00b\\")
	f.Add("/\xff", "\\\"", "é")
	combined, asJSON := newAccessFormat(config.AccessLog{Format: "httpdCombined"}), newAccessFormat(config.AccessLog{Format: "json"})
	f.Fuzz(func(t *testing.T, path, agent, host string) {
		r := request("/")
		r.URL.Path, r.Host = path, host
		r.Header["User-Agent"] = []string{agent}
		l := Line{Path: path, Client: "10.0.0.1", Status: 200}
		line := string(combined(nil, r, &l))
		if strings.ContainsFunc(line, func(c rune) bool { return c < ' ' || c >= 0x7f }) {
			t.Errorf("not one line of plain text: %q", line)
		}
		if quotes := strings.Count(strings.NewReplacer(`\\`, "", `\"`, "").Replace(line), `"`); quotes != 6 {
			t.Errorf("%d quotes: %s", quotes, line)
		}
		if line := asJSON(nil, r, &l); !json.Valid(line) || bytes.ContainsAny(line, "\r\n") {
			t.Errorf("no JSON on one line: %q", line)
		}
	})
}
