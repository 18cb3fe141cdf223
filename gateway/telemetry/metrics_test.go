package telemetry

import (
	"maps"
	"math"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/moesif"
)

// shown are the metrics of our own at /metrics, by name and labels as written there.
func shown(t *testing.T, m *Metrics) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	all := map[string]float64{}
	for line := range strings.Lines(w.Body.String()) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !strings.HasPrefix(name, "gatemeter_") {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = n
	}
	return all
}

func TestMetricsShowTheBooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		books := moesif.Stats{
			Captured: 100, Recovered: 11, Sent: 51, Skipped: 20, Sampled: 7, Queued: 30, QueuedBytes: 3000,
			Rejected: map[string]int64{"too_old": 4, "invalid": 1}, Dropped: map[string]int64{"full_events": 2, "closed": 3},
			Spooled: 8, SpooledBytes: 800, SpoolErrors: 3, Blocked: 13, Modified: 17, Rules: 19, RulesConfirmed: time.Now(),
		}
		got := shown(t, NewMetrics(func() moesif.Stats { return books }))
		want := map[string]float64{
			"gatemeter_requests_in_flight":                                   0,
			"gatemeter_events_captured_total":                                100,
			"gatemeter_events_recovered_total":                               11,
			"gatemeter_queue_events":                                         30,
			"gatemeter_queue_bytes":                                          3000,
			"gatemeter_spool_events":                                         8,
			"gatemeter_spool_bytes":                                          800,
			"gatemeter_spool_errors_total":                                   3,
			"gatemeter_rules":                                                19,
			"gatemeter_rules_age_seconds":                                    0,
			`gatemeter_governed_requests_total{action="block"}`:              13,
			`gatemeter_governed_requests_total{action="modify"}`:             17,
			`gatemeter_events_total{outcome="sent",reason=""}`:               51,
			`gatemeter_events_total{outcome="skipped",reason=""}`:            13, // without the sampled
			`gatemeter_events_total{outcome="skipped",reason="sampled"}`:     7,
			`gatemeter_events_total{outcome="rejected",reason="too_old"}`:    4,
			`gatemeter_events_total{outcome="rejected",reason="invalid"}`:    1,
			`gatemeter_events_total{outcome="dropped",reason="full_events"}`: 2,
			`gatemeter_events_total{outcome="dropped",reason="closed"}`:      3,
		}
		if !maps.Equal(got, want) {
			for _, name := range slices.Sorted(maps.Keys(got)) {
				t.Logf("%s %v, want %v", name, got[name], want[name])
			}
			t.Error("the metrics are not the books")
		}
		// The balance can be read off the metrics alone.
		sum := got["gatemeter_queue_events"]
		for name, n := range got {
			if strings.HasPrefix(name, "gatemeter_events_total{") {
				sum += n
			}
		}
		if in := got["gatemeter_events_captured_total"] + got["gatemeter_events_recovered_total"]; sum != in {
			t.Errorf("%v came in, %v are found again", in, sum)
		}
	})
}

func TestAgeOfTheRulesGrowsOnceTheyAreFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var books moesif.Stats
		m := NewMetrics(func() moesif.Stats { return books })
		const age = "gatemeter_rules_age_seconds"
		if got := shown(t, m)[age]; !math.IsNaN(got) {
			t.Errorf("nothing was fetched, and the rules are %v seconds old", got)
		}
		books.RulesConfirmed = time.Now()
		<-time.After(90 * time.Second)
		if got := shown(t, m)[age]; got != 90 {
			t.Errorf("the rules are %v seconds old, want 90", got)
		}
	})
}

func TestWithoutAnIntegrationThereAreNoBooks(t *testing.T) {
	for name := range shown(t, NewMetrics(nil)) {
		if strings.Contains(name, "events") || strings.Contains(name, "rules") || strings.Contains(name, "governed") {
			t.Errorf("shows %s", name)
		}
	}
}
