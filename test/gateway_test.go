package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// gateway is one gateway: a process, which may be started again.
type gateway struct {
	url, metrics string
	file         string   // its krakend.json
	env          []string // GATEMETER_*
	process      *process
}

type gatewayOptions struct {
	platform  platformAPI
	collector string         // where it pushes to, when not the platform itself
	upstream  string         // URL of the backend
	endpoints []any          // instead of /things/{id}
	block     map[string]any // more of telemetry/moesif
	env       []string       // more GATEMETER_*
}

func openGateway(t *testing.T, o gatewayOptions) *gateway {
	t.Helper()
	port, metrics := freePort(t), freePort(t)
	if o.endpoints == nil {
		o.endpoints = []any{endpoint(http.MethodGet, "/things/{id}", "/{id}")}
	}
	block := map[string]any{
		"application_id": "from-the-environment", "user_id_headers": []string{"X-User-Id"},
		"identify_company": map[string]any{"header": "X-Company-Id"}, "timer_wake_up_seconds": 1,
	}
	maps.Copy(block, o.block)
	config, err := json.Marshal(map[string]any{
		"version": 3, "port": port, "listen_ip": "127.0.0.1", "host": []string{o.upstream}, "timeout": "20s",
		"endpoints": o.endpoints,
		"extra_config": map[string]any{
			"telemetry/logging": map[string]any{"level": "WARNING", "stdout": true},
			"telemetry/metrics": map[string]any{"listen_address": "127.0.0.1:" + strconv.Itoa(metrics)},
			"router":            map[string]any{"disable_access_log": true},
			"telemetry/moesif":  block,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if o.collector == "" {
		o.collector = o.platform.url
	}
	g := &gateway{
		url: fmt.Sprintf("http://127.0.0.1:%d", port), metrics: fmt.Sprintf("http://127.0.0.1:%d/metrics", metrics),
		file: filepath.Join(t.TempDir(), "krakend.json"),
		env: append([]string{
			"GATEMETER_COLLECTOR_URL=" + o.collector, "GATEMETER_APPLICATION_ID=" + o.platform.applicationID(t),
		}, o.env...),
	}
	if err := os.WriteFile(g.file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	g.start(t)
	return g
}

// endpoint is one of krakend.json that passes answers on as they are.
func endpoint(method, path, backend string) map[string]any {
	return map[string]any{
		"endpoint": path, "method": method, "output_encoding": "no-op",
		"backend": []any{map[string]any{"url_pattern": backend}},
	}
}

func (g *gateway) start(t *testing.T) {
	t.Helper()
	g.process = start(t, g.env, []string{"run", "-c", g.file}, g.url+"/__health")
}

// gatewayBooks are a gateway's side of the balance: what came in, and where each
// event went.
type gatewayBooks struct {
	captured, recovered, queued int64
	outcomes                    map[string]int64 // sent, skipped, dropped, rejected
}

func (b gatewayBooks) balance() error {
	sum := b.queued
	for _, n := range b.outcomes {
		sum += n
	}
	if sum != b.captured+b.recovered {
		return fmt.Errorf("the gateway's books do not balance: %d captured and %d recovered, found again %d: %+v", b.captured, b.recovered, sum, b)
	}
	return nil
}

var outcome = regexp.MustCompile(`outcome="([a-z]+)"`)

// series reads the gateway's metrics of our own, by name and labels as they are written.
func (g *gateway) series(t *testing.T) map[string]float64 {
	t.Helper()
	all := g.all(t)
	maps.DeleteFunc(all, func(name string, _ float64) bool { return !strings.HasPrefix(name, "gatemeter_") })
	return all
}

// all is series with those of Go and of the process.
func (g *gateway) all(t *testing.T) map[string]float64 {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.metrics, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, body := fetch(t, req)
	all := map[string]float64{}
	for line := range strings.Lines(string(body)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || name[0] == '#' {
			continue
		}
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			all[name] = n
		}
	}
	return all
}

func (g *gateway) books(t *testing.T) gatewayBooks {
	t.Helper()
	all := g.series(t)
	b := gatewayBooks{
		captured: int64(all["gatemeter_events_captured_total"]), recovered: int64(all["gatemeter_events_recovered_total"]),
		queued: int64(all["gatemeter_queue_events"]), outcomes: map[string]int64{},
	}
	for name, n := range all {
		if strings.HasPrefix(name, "gatemeter_events_total{") {
			b.outcomes[outcome.FindStringSubmatch(name)[1]] += int64(n)
		}
	}
	return b
}
