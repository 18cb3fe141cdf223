package telemetry

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler serves the telemetry/metrics listener: Prometheus' /metrics, and
// KrakenD's /__stats/, a flat JSON object.
func (m *Metrics) Handler() http.Handler {
	registry := m.Registry()
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/__stats/", m.stats)
	return mux
}

func (m *Metrics) stats(w http.ResponseWriter, _ *http.Request) {
	s := map[string]any{}
	if !m.HideRouter {
		m.router(s)
	}
	if m.events != nil {
		s["gatemeter.events"] = m.events()
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if err := json.NewEncoder(w).Encode(s); err != nil {
		return // the client has gone
	}
}

// router adds the counts of requests to s. The reference has no names for them: these
// are chosen, by route as krakend.router.response.GET /a/{id}.….
func (m *Metrics) router(s map[string]any) {
	total, connected := m.total.Load(), m.connected.Load()
	s["krakend.router.connected"] = connected
	s["krakend.router.connected-total"] = total
	s["krakend.router.disconnected-total"] = total - connected
	for _, r := range m.routes {
		name := "krakend.router.response." + r.method + " " + r.pattern
		var answers int64
		r.each(func(status int, n int64) {
			answers += n
			s[name+".status."+strconv.Itoa(status)+".count"] = n
		})
		if answers > 0 {
			s[name+".time.count"] = answers
			s[name+".time.mean"] = r.nanoseconds.Load() / answers
			s[name+".size.mean"] = r.bytes.Load() / answers
		}
	}
}
