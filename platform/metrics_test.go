package platform_test

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// metrics returns the names of /metrics that have a value.
func (s *server) metrics() map[string]string {
	s.t.Helper()
	a := s.do(http.MethodGet, "/metrics", "", "Authorization", "Bearer "+adminToken)
	if a.status != http.StatusOK {
		s.t.Fatalf("%d %s", a.status, a.body)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(a.body)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !strings.HasPrefix(line, "#") {
			name, _, _ = strings.Cut(name, "{")
			values[name] = value
		}
	}
	return values
}

func TestTheDashboardShowsMetricsThatExist(t *testing.T) {
	text, err := os.ReadFile("../deploy/grafana/platform.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	s := start(t, t.TempDir())
	// Each counter by label shows up once it counts something.
	s.collect("/v1/events/batch", "["+call(ago(40*24*time.Hour, goTime), 200, "ada", "acme")+","+call(ago(20*24*time.Hour, goTime), 200, "ada", "acme")+"]")
	eventually(t, "one event is stored", func() bool { return s.books().Apps[0].Stored == 1 })
	auth := []string{"Authorization", "Bearer " + adminToken, "Content-Type", "application/json"}
	if a := s.do(http.MethodPost, "/api/v1/erasures", `{"kind":"user","id":"ada"}`, auth...); a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	eventually(t, "deletions are counted", func() bool { return s.metrics()["gatemeter_platform_deleted_total"] != "" })
	exists := s.metrics()
	shown := map[string]bool{}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			for _, name := range regexp.MustCompile(`(gatemeter|process)_[a-z_]+`).FindAllString(target.Expr, -1) {
				shown[name] = true
				if _, ok := exists[name]; !ok {
					t.Errorf("%s: there is no metric %s", p.Title, name)
				}
			}
		}
	}
	for name := range exists {
		base, histogram := strings.CutSuffix(name, "_bucket")
		if strings.HasPrefix(name, "gatemeter_") && !strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, "_count") && !shown[name] && (!histogram || !shown[base]) {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
	if exists["gatemeter_platform_ready"] != "1" {
		t.Errorf("ready is %q", exists["gatemeter_platform_ready"])
	}
}
