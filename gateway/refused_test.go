package gateway

import (
	"log/slog"
	"strings"
	"testing"
)

// The access log and the counts of requests stand around whatever refuses one
// (KrakenD v3, 2.1).
func TestRefusedRequestsAreLoggedAndCounted(t *testing.T) {
	host, calls := counting(t)
	s := fromFile(t, `{"version": 3, "host": ["HOST"], "extra_config": {"security/bot-detector": {"deny": ["evil"]}, "telemetry/metrics": {"listen_address": "127.0.0.1:0"}},
		"endpoints": [{"endpoint": "/a/{id}", "backend": [{"url_pattern": "/"}], "extra_config": {
			"auth/validator": {"alg": "HS256", "jwk_url": "`+issuer(t)+`", "disable_jwk_security": true}}}]}`, host)
	log := &lines{}
	g := runAs(t, s, Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	for path, agent := range map[string]string{"/a/1": "evil", "/a/2": "good", "/a/%2561": "good"} {
		g.send(t, "GET "+path, "", "User-Agent: "+agent)
	}
	metrics := g.metrics
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"status=403 method=GET path=/a/1", "status=401 method=GET path=/a/2", "status=400 method=GET path=/a/%61"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, log.String())
		}
	}
	families, err := metrics.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "gatemeter_requests_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "status" {
					counts[l.GetValue()] = m.GetCounter().GetValue()
				}
			}
		}
	}
	if len(counts) != 3 || counts["400"] != 1 || counts["401"] != 1 || counts["403"] != 1 {
		t.Errorf("counted: %v", counts)
	}
	if calls.Load() > 0 {
		t.Error("the backend was asked")
	}
}
