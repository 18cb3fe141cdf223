package otel

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/gatemeter/gatemeter/gateway/config"
)

const (
	// complainEvery is how often the log hears of a collector that is away.
	complainEvery = time.Minute
	// sendTimeout bounds one attempt to send.
	sendTimeout = 10 * time.Second
)

// outlet is the way to a collector for one kind of data. Its errors stay here: they
// are logged now and then.
type outlet struct {
	sending   context.Context // ends when the gateway has stopped
	logger    *slog.Logger
	now       func() time.Time
	failures  atomic.Int64 // since the last complaint
	complains atomic.Int64 // when the next complaint may be, in nanoseconds of Unix time
}

func newOutlet(sending context.Context, o *config.OTLP, what string, logger *slog.Logger) *outlet {
	return &outlet{
		sending: sending, now: time.Now,
		logger: logger.With("exporter", o.Name, "collector", address(o), "of", what),
	}
}

func address(o *config.OTLP) string { return net.JoinHostPort(o.Host, strconv.Itoa(o.Port)) }

// send calls f with a context that ends with the gateway's too.
func (o *outlet) send(ctx context.Context, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(o.sending, cancel)()
	if err := f(ctx); err != nil {
		o.complain(err)
	}
}

func (o *outlet) complain(err error) {
	o.failures.Add(1)
	now, next := o.now(), o.complains.Load()
	if now.UnixNano() < next || !o.complains.CompareAndSwap(next, now.Add(complainEvery).UnixNano()) {
		return
	}
	o.logger.Warn("telemetry could not be delivered", "failures", o.failures.Swap(0), "error", err)
}

// spanOutlet implements sdktrace.SpanExporter.
type spanOutlet struct {
	sdktrace.SpanExporter
	*outlet
}

func (e spanOutlet) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.send(ctx, func(ctx context.Context) error { return e.SpanExporter.ExportSpans(ctx, spans) })
	return nil
}

// timeOutlet implements sdkmetric.Exporter.
type timeOutlet struct {
	sdkmetric.Exporter
	*outlet
}

func (e timeOutlet) Export(ctx context.Context, data *metricdata.ResourceMetrics) error {
	e.send(ctx, func(ctx context.Context) error { return e.Exporter.Export(ctx, data) })
	return nil
}

// newClient makes what speaks HTTP to a collector, nil for one of gRPC.
func newClient(o *config.OTLP) (c *http.Client, clean func()) {
	if !o.HTTP {
		return nil, func() {}
	}
	t := &http.Transport{MaxIdleConnsPerHost: 2, IdleConnTimeout: 90 * time.Second, Proxy: http.ProxyFromEnvironment}
	return &http.Client{Transport: t, Timeout: sendTimeout}, t.CloseIdleConnections
}

// newSpans sends spans without TLS, as KrakenD does.
func newSpans(o *config.OTLP, client *http.Client, to *outlet) (sdktrace.SpanExporter, error) {
	var e sdktrace.SpanExporter
	var err error
	if o.HTTP {
		e, err = otlptracehttp.New(to.sending, otlptracehttp.WithEndpoint(address(o)), otlptracehttp.WithInsecure(), otlptracehttp.WithHTTPClient(client))
	} else {
		e, err = otlptracegrpc.New(to.sending, otlptracegrpc.WithEndpoint(address(o)), otlptracegrpc.WithInsecure(), otlptracegrpc.WithTimeout(sendTimeout))
	}
	return spanOutlet{e, to}, err
}

// newTimes is newSpans for metrics.
func newTimes(o *config.OTLP, client *http.Client, to *outlet) (sdkmetric.Exporter, error) {
	var e sdkmetric.Exporter
	var err error
	if o.HTTP {
		e, err = otlpmetrichttp.New(to.sending, otlpmetrichttp.WithEndpoint(address(o)), otlpmetrichttp.WithInsecure(), otlpmetrichttp.WithHTTPClient(client))
	} else {
		e, err = otlpmetricgrpc.New(to.sending, otlpmetricgrpc.WithEndpoint(address(o)), otlpmetricgrpc.WithInsecure(), otlpmetricgrpc.WithTimeout(sendTimeout))
	}
	return timeOutlet{e, to}, err
}

var (
	_ sdktrace.SpanExporter = spanOutlet{}
	_ sdkmetric.Exporter    = timeOutlet{}
)
