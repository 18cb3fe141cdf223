package telemetry

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/gatemeter/gatemeter/moesif"
)

// Metrics counts requests by route. Counting takes no lock.
type Metrics struct {
	connected atomic.Int64 // requests under way
	total     atomic.Int64 // requests begun
	routes    []*Route     // complete before the first request
	durations *prometheus.HistogramVec
	events    func() moesif.Stats // nil: no integration

	// HideRouter leaves krakend.router out of /__stats/ (router_disabled). It is set
	// before the first request.
	HideRouter bool
}

// Route has the counts of one method and pattern.
type Route struct {
	method, pattern string
	statuses        [600]atomic.Int64
	nanoseconds     atomic.Int64
	bytes           atomic.Int64
	durations       prometheus.Observer
}

// NewMetrics makes empty metrics. events reads the integration's books; nil leaves
// them out.
func NewMetrics(events func() moesif.Stats) *Metrics {
	return &Metrics{
		events: events,
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "gatemeter_request_duration_seconds",
			Help:    "Time from a request's headers to its answer's last byte.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route"}),
	}
}

// Route adds a route; pattern is "" for requests that match none. All are added
// before the first request.
func (m *Metrics) Route(method, pattern string) *Route {
	r := &Route{method: method, pattern: pattern, durations: m.durations.WithLabelValues(method, pattern)}
	m.routes = append(m.routes, r)
	return r
}

// Begin counts a request that has arrived.
func (m *Metrics) Begin() {
	m.connected.Add(1)
	m.total.Add(1)
}

// End counts the answer.
func (m *Metrics) End(r *Route, status int, bytes int64, took time.Duration) {
	m.connected.Add(-1)
	if status < 0 || status >= len(r.statuses) {
		status = 0
	}
	r.statuses[status].Add(1)
	r.nanoseconds.Add(int64(took))
	r.bytes.Add(bytes)
	r.durations.Observe(took.Seconds())
}

// each calls f with every status of the route that was counted.
func (r *Route) each(f func(status int, n int64)) {
	for status := range r.statuses {
		if n := r.statuses[status].Load(); n > 0 {
			f(status, n)
		}
	}
}

// Registry has everything that /metrics shows.
func (m *Metrics) Registry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.durations, m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	requests  = describe("gatemeter_requests_total", "Requests answered.", "method", "route", "status")
	inFlight  = describe("gatemeter_requests_in_flight", "Requests under way.")
	captured  = describe("gatemeter_events_captured_total", "Exchanges captured as events.")
	recovered = describe("gatemeter_events_recovered_total", "Events found in the spool at start.")
	outcomes  = describe("gatemeter_events_total", "Events that left the queue, by outcome (sent, skipped, dropped, rejected) and reason; skipped because of should_skip, or sampled.", "outcome", "reason")
	queued    = describe("gatemeter_queue_events", "Events in the queue, those in flight included.")
	queuedB   = describe("gatemeter_queue_bytes", "Bytes in the queue.")
	spooled   = describe("gatemeter_spool_events", "Events of the queue that are on disk.")
	spooledB  = describe("gatemeter_spool_bytes", "Bytes on disk of the queue.")
	spoolErrs = describe("gatemeter_spool_errors_total", "Times the spool's disk has failed; what it should keep stays in memory.")
	governed  = describe("gatemeter_governed_requests_total", "Requests that a governance rule acted on.", "action")
	rules     = describe("gatemeter_rules", "Governance rules in force.")
	rulesAge  = describe("gatemeter_rules_age_seconds", "Time since the governance rules were confirmed; NaN as long as none were fetched.")
)

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{requests, inFlight, captured, recovered, outcomes, queued, queuedB, spooled, spooledB, spoolErrs, governed, rules, rulesAge} {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(metrics chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	send(inFlight, prometheus.GaugeValue, float64(m.connected.Load()))
	for _, r := range m.routes {
		r.each(func(status int, n int64) {
			send(requests, prometheus.CounterValue, float64(n), r.method, r.pattern, strconv.Itoa(status))
		})
	}
	if m.events == nil {
		return
	}
	s := m.events()
	send(captured, prometheus.CounterValue, float64(s.Captured))
	send(recovered, prometheus.CounterValue, float64(s.Recovered))
	send(outcomes, prometheus.CounterValue, float64(s.Sent), "sent", "")
	send(outcomes, prometheus.CounterValue, float64(s.Skipped-s.Sampled), "skipped", "")
	send(outcomes, prometheus.CounterValue, float64(s.Sampled), "skipped", "sampled")
	for _, reason := range slices.Sorted(maps.Keys(s.Dropped)) {
		send(outcomes, prometheus.CounterValue, float64(s.Dropped[reason]), "dropped", reason)
	}
	for _, reason := range slices.Sorted(maps.Keys(s.Rejected)) {
		send(outcomes, prometheus.CounterValue, float64(s.Rejected[reason]), "rejected", reason)
	}
	send(queued, prometheus.GaugeValue, float64(s.Queued))
	send(queuedB, prometheus.GaugeValue, float64(s.QueuedBytes))
	send(spooled, prometheus.GaugeValue, float64(s.Spooled))
	send(spooledB, prometheus.GaugeValue, float64(s.SpooledBytes))
	send(spoolErrs, prometheus.CounterValue, float64(s.SpoolErrors))
	send(governed, prometheus.CounterValue, float64(s.Blocked), "block")
	send(governed, prometheus.CounterValue, float64(s.Modified), "modify")
	send(rules, prometheus.GaugeValue, float64(s.Rules))
	age := math.NaN()
	if !s.RulesConfirmed.IsZero() {
		age = time.Since(s.RulesConfirmed).Seconds()
	}
	send(rulesAge, prometheus.GaugeValue, age)
}

var _ prometheus.Collector = (*Metrics)(nil)
