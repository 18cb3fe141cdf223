package api

import (
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// times are how long the operations take.
type times struct{ seconds *prometheus.HistogramVec }

func newTimes(metrics prometheus.Registerer) times {
	t := times{prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "gatemeter_platform_query_seconds",
		Help:    "How long the console's API took to answer, by operation.",
		Buckets: []float64{.005, .02, .05, .1, .3, .6, 1.5, 5, 15, 30},
	}, []string{"operation"})}
	metrics.MustRegister(t.seconds)
	return t
}

func (t times) timed(ctx huma.Context, next func(huma.Context)) {
	began := time.Now()
	defer func() { t.seconds.WithLabelValues(ctx.Operation().OperationID).Observe(time.Since(began).Seconds()) }()
	next(ctx)
}
