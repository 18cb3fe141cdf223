package platform

import (
	"context"
	"time"

	"github.com/gatemeter/gatemeter/platform/load"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// newMetrics returns the registry of /metrics, with the books in it.
func (p *Platform) newMetrics(clock func() time.Time) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&booksCollector{loader: p.loader},
		&partsCollector{p: p, clock: clock},
		p.loads,
	)
	return registry
}

var (
	receivedDesc = prometheus.NewDesc("gatemeter_platform_received_total",
		"Items acknowledged to clients: the sum of all outcomes and of what is in flight.", []string{"app"}, nil)
	outcomesDesc = prometheus.NewDesc("gatemeter_platform_items_total",
		"What became of the items, by outcome (stored, duplicate, rejected, dropped) and reason.", []string{"app", "outcome", "reason"}, nil)
	inFlightDesc = prometheus.NewDesc("gatemeter_platform_in_flight",
		"Items on disk that are not in the event store yet.", []string{"app"}, nil)
	deletedDesc = prometheus.NewDesc("gatemeter_platform_deleted_total",
		"What was deleted after it was stored, by what (events, actions, bodies, rollups) and reason (retention, erased).", []string{"app", "what", "reason"}, nil)
)

// booksCollector reads the balance whenever metrics are asked for.
type booksCollector struct{ loader *load.Loader }

var _ prometheus.Collector = (*booksCollector)(nil)

// Describe implements prometheus.Collector.
func (c *booksCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- receivedDesc
	ch <- outcomesDesc
	ch <- inFlightDesc
	ch <- deletedDesc
}

// Collect implements prometheus.Collector.
func (c *booksCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	books, err := c.loader.Books(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(receivedDesc, err)
		return
	}
	for _, b := range books {
		counter := func(desc *prometheus.Desc, n int64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels...)
		}
		counter(receivedDesc, b.Received, b.App)
		counter(outcomesDesc, b.Stored, b.App, "stored", "")
		counter(outcomesDesc, b.Duplicate, b.App, "duplicate", "")
		for reason, n := range b.Rejected {
			counter(outcomesDesc, n, b.App, "rejected", reason)
		}
		for reason, n := range b.Dropped {
			counter(outcomesDesc, n, b.App, "dropped", reason)
		}
		for reason, d := range b.Deleted {
			counter(deletedDesc, d.Events, b.App, "events", reason)
			counter(deletedDesc, d.Actions, b.App, "actions", reason)
			counter(deletedDesc, d.Bodies, b.App, "bodies", reason)
			counter(deletedDesc, d.Rollups, b.App, "rollups", reason)
		}
		ch <- prometheus.MustNewConstMetric(inFlightDesc, prometheus.GaugeValue, float64(b.InFlight), b.App)
	}
}
