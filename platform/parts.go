package platform

import (
	"context"
	"time"

	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/load"
	"github.com/prometheus/client_golang/prometheus"
)

// newLoads counts how long loads take.
func newLoads() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "gatemeter_platform_load_seconds",
		Help:    "How long a load of the event store took, waiting for backups and deletions included.",
		Buckets: []float64{.01, .03, .1, .3, .6, 1, 2, 5, 15, 60},
	})
}

// timedStore is the event store with a clock beside it.
type timedStore struct {
	*events.Store
	loads prometheus.Histogram
}

var _ load.Store = timedStore{}

func (s timedStore) Load(ctx context.Context, after uint64, blocks []events.Block) error {
	began := time.Now()
	defer func() { s.loads.Observe(time.Since(began).Seconds()) }()
	return s.Store.Load(ctx, after, blocks)
}

var (
	readyDesc = prometheus.NewDesc("gatemeter_platform_ready",
		"1 while requests can be taken and answered (/readyz), else 0.", nil, nil)
	journalBytesDesc = prometheus.NewDesc("gatemeter_platform_journal_bytes",
		"What the journal takes on the disk.", nil, nil)
	storeBytesDesc = prometheus.NewDesc("gatemeter_platform_events_bytes",
		"What the event store takes on the disk.", nil, nil)
	lagDesc = prometheus.NewDesc("gatemeter_platform_load_lag_seconds",
		"Age of the oldest item that is acknowledged and not in the event store yet.", nil, nil)
	waitingDesc = prometheus.NewDesc("gatemeter_platform_waiting_gateways",
		"Gateways and SDKs that wait for changed rules.", nil, nil)
	freeDesc = prometheus.NewDesc("gatemeter_platform_disk_free_bytes",
		"What the disk of the data directory has left; nothing is taken below 64 MiB.", nil, nil)
)

// partsCollector looks at the parts of a platform whenever metrics are asked for.
// What a part cannot tell is left out.
type partsCollector struct {
	p     *Platform
	clock func() time.Time
}

var _ prometheus.Collector = (*partsCollector)(nil)

// Describe implements prometheus.Collector.
func (c *partsCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{readyDesc, journalBytesDesc, storeBytesDesc, lagDesc, waitingDesc, freeDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *partsCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	gauge := func(desc *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v)
	}
	ready := 1.0
	if _, err := c.p.unready(ctx); err != nil {
		ready = 0
	}
	gauge(readyDesc, ready)
	gauge(waitingDesc, float64(c.p.rules.Waiting()))
	if n, err := c.p.journal.Size(); err == nil {
		gauge(journalBytesDesc, float64(n))
	}
	if n, err := c.p.events.Size(); err == nil {
		gauge(storeBytesDesc, float64(n))
	}
	if n, ok := c.p.journal.Free(); ok {
		gauge(freeDesc, float64(n))
	}
	if lag, err := c.lag(ctx); err == nil {
		gauge(lagDesc, lag.Seconds())
	}
}

func (c *partsCollector) lag(ctx context.Context) (time.Duration, error) {
	position, err := c.p.events.Position(ctx)
	if err != nil {
		return 0, err
	}
	received, ok, err := c.p.journal.Oldest(position)
	if err != nil || !ok {
		return 0, err
	}
	return max(0, c.clock().Sub(received)), nil
}
