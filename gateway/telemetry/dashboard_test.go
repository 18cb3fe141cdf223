package telemetry

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/moesif"
)

func TestTheDashboardShowsMetricsThatExist(t *testing.T) {
	text, err := os.ReadFile("../../deploy/grafana/gateway.json")
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
	m := NewMetrics(func() moesif.Stats { return moesif.Stats{} })
	m.End(m.Route("GET", "/"), 200, 1, 1)
	families, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	exists := map[string]bool{}
	for _, f := range families {
		exists[f.GetName()] = true
		exists[f.GetName()+"_bucket"] = true
	}
	shown := map[string]bool{}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			for _, name := range regexp.MustCompile(`(gatemeter|process)_[a-z_]+`).FindAllString(target.Expr, -1) {
				shown[name] = true
				if !exists[name] {
					t.Errorf("%s: there is no metric %s", p.Title, name)
				}
			}
		}
	}
	for name := range exists {
		if strings.HasPrefix(name, "gatemeter_") && !strings.HasSuffix(name, "_bucket") && !shown[name] && !shown[name+"_bucket"] {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}
