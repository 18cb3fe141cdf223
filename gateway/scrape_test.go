package gateway

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// scraped is what the first Prometheus exporter of a file with one endpoint, /a, tells
// after calls of these paths.
func scraped(t *testing.T, openTelemetry string, paths ...string) string {
	t.Helper()
	s := fromFile(t, `{"version": 3, "host": ["HOST"], "debug_endpoint": true, "echo_endpoint": true,
		"extra_config": {"telemetry/opentelemetry": `+openTelemetry+`},
		"endpoints": [{"endpoint": "/a", "output_encoding": "no-op", "backend": [{"url_pattern": "/"}]}]}`, upstream(t, echoURI))
	for i := range s.OpenTelemetry.Scrapes {
		s.OpenTelemetry.Scrapes[i].Port = 0 // a free one
	}
	g := run(t, s)
	for _, path := range paths {
		if got := g.send(t, "GET "+path, ""); got.StatusCode != 200 {
			t.Errorf("%s: got %d", path, got.StatusCode)
		}
	}
	resp, err := g.Client.Get("http://" + g.scrapeListeners[0].Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The paths of the gateway's own are left out unless skip_paths says otherwise
// (KrakenD v3, 5).
func TestSkipPathsHaveKrakenDsDefault(t *testing.T) {
	paths := []string{"/a", "/__health", "/__debug/x", "/__echo/x"}
	const counted = "http_server_request_duration_seconds_count{"
	for block, want := range map[string]int{
		`{"exporters": {"prometheus": [{"name": "p"}]}}`:                                           1, // /a
		`{"exporters": {"prometheus": [{"name": "p"}]}, "skip_paths": ["/a"]}`:                     2, // /__health, and those without a route
		`{"exporters": {"prometheus": [{"name": "p"}]}, "skip_paths": []}`:                         3,
		`{"exporters": {"prometheus": [{"name": "p"}]}, "skip_paths": ["/a", "/__health", "/__"]}`: 1, // the last is one path, without what is below
	} {
		if text := scraped(t, block, paths...); strings.Count(text, counted) != want {
			t.Errorf("%s: want %d series in\n%s", block, want, text)
		}
	}
}

func TestPrometheusTellsAboutTheProcessWhereAsked(t *testing.T) {
	for more, want := range map[string][2]bool{
		"":                          {false, false},
		`, "go_metrics": true`:      {true, false},
		`, "process_metrics": true`: {false, true},
	} {
		text := scraped(t, `{"exporters": {"prometheus": [{"name": "p", "listen_ip": "127.0.0.1"`+more+`}]}}`)
		if got := [2]bool{strings.Contains(text, "go_goroutines"), strings.Contains(text, "process_open_fds")}; got != want {
			t.Errorf("%s: go and process are told: %v", more, got)
		}
	}
}

func TestACollectorIsToldWhatItsSwitchesLeave(t *testing.T) {
	for more, want := range map[string][2]int{ // spans, metrics
		"":                          {3, 1}, // the request, the pipe, the backend's call
		`, "disable_traces": true`:  {0, 1},
		`, "disable_metrics": true`: {3, 0},
		`, "disable_traces": true, "disable_metrics": true`: {0, 0},
	} {
		c := toldByHTTP(t)
		g := run(t, fromFile(t, fmt.Sprintf(`{"version": 3, "host": ["HOST"], "extra_config": {"telemetry/opentelemetry": {
			"exporters": {"otlp": [{"name": "c", "use_http": true, "host": %q, "port": %d%s}]}}},
			"endpoints": [{"endpoint": "/a", "output_encoding": "no-op", "backend": [{"url_pattern": "/"}]}]}`, c.host, c.port, more), upstream(t, echoURI)))
		g.send(t, "GET /a", "")
		if err := g.stop(); err != nil {
			t.Fatal(err)
		}
		if got := [2]int{len(c.lines("")), len(c.lines("http.server.request.duration"))}; got != want {
			t.Errorf("%s: told %v spans and metrics, want %v", more, got, want)
		}
	}
}
