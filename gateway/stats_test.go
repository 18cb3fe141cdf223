package gateway

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// The names in /__stats/ are chosen: the reference has none (KrakenD v3, 5).
func TestSwitchesOfMetrics(t *testing.T) {
	host, _ := counting(t)
	for _, tt := range []struct {
		block           string
		listens, router bool
	}{
		{`{"listen_address": "127.0.0.1:0"}`, true, true},
		{`{"listen_address": "127.0.0.1:0", "proxy_disabled": true, "backend_disabled": true}`, true, true},
		{`{"listen_address": "127.0.0.1:0", "router_disabled": true}`, true, false},
		{`{"listen_address": "127.0.0.1:0", "endpoint_disabled": true}`, false, false},
	} {
		g := run(t, fromFile(t, `{"version": 3, "host": ["HOST"], "extra_config": {"telemetry/metrics": `+tt.block+`},
			"endpoints": [{"endpoint": "/a", "backend": [{"url_pattern": "/"}]}]}`, host))
		g.send(t, "GET /a", "")
		if g.MetricsAddr() == "" != !tt.listens {
			t.Errorf("%s: listens on %q", tt.block, g.MetricsAddr())
		}
		if !tt.listens {
			continue
		}
		read := func(path string) string {
			resp, err := g.Client.Get("http://" + g.MetricsAddr() + path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			text, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != 200 {
				t.Fatalf("%s: %d, %v", path, resp.StatusCode, err)
			}
			if kind := resp.Header.Get("Content-Type"); path == "/__stats/" && kind != "application/json; charset=utf-8" {
				t.Errorf("Content-Type is %s", kind)
			}
			return string(text)
		}
		var stats map[string]any // flat
		if err := json.Unmarshal([]byte(read("/__stats/")), &stats); err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{
			"krakend.router.connected": true, "krakend.router.connected-total": true, "krakend.router.disconnected-total": true,
			"krakend.router.response.GET /a.status.200.count": true, "krakend.router.response.GET /a.time.count": true,
			"krakend.router.response.GET /a.time.mean": true, "krakend.router.response.GET /a.size.mean": true,
		}
		for name := range stats {
			if !want[name] || !tt.router {
				t.Errorf("%s: tells %s", tt.block, name)
			}
		}
		if tt.router && len(stats) != len(want) {
			t.Errorf("%s: tells %v", tt.block, stats)
		}
		if !strings.Contains(read("/metrics"), `gatemeter_requests_total{method="GET",route="/a",status="200"} 1`) {
			t.Errorf("%s: Prometheus is not told of the request", tt.block)
		}
	}
}
