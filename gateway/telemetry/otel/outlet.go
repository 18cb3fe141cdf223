package otel

import (
	"context"
	"crypto/tls"
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
	"google.golang.org/grpc/credentials"

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

// way is how a collector is spoken with.
type way struct {
	client *http.Client // nil: by gRPC
	tls    *tls.Config  // nil: in clear, as KrakenD does
}

func newWay(o *config.OTLP, secure *tls.Config) (w way, clean func()) {
	if !o.HTTP {
		return way{tls: secure}, func() {}
	}
	t := &http.Transport{MaxIdleConnsPerHost: 2, IdleConnTimeout: 90 * time.Second, Proxy: http.ProxyFromEnvironment, TLSClientConfig: secure}
	return way{&http.Client{Transport: t, Timeout: sendTimeout}, secure}, t.CloseIdleConnections
}

func newSpans(o *config.OTLP, w way, to *outlet) (sdktrace.SpanExporter, error) {
	var e sdktrace.SpanExporter
	var err error
	if o.HTTP {
		options := []otlptracehttp.Option{otlptracehttp.WithEndpoint(address(o)), otlptracehttp.WithHTTPClient(w.client)}
		if w.tls == nil {
			options = append(options, otlptracehttp.WithInsecure())
		}
		e, err = otlptracehttp.New(to.sending, options...)
	} else {
		options := []otlptracegrpc.Option{otlptracegrpc.WithEndpoint(address(o)), otlptracegrpc.WithTimeout(sendTimeout), otlptracegrpc.WithInsecure()}
		if w.tls != nil {
			options[2] = otlptracegrpc.WithTLSCredentials(credentials.NewTLS(w.tls))
		}
		e, err = otlptracegrpc.New(to.sending, options...)
	}
	return spanOutlet{e, to}, err
}

// newTimes is newSpans for metrics.
func newTimes(o *config.OTLP, w way, to *outlet) (sdkmetric.Exporter, error) {
	var e sdkmetric.Exporter
	var err error
	if o.HTTP {
		options := []otlpmetrichttp.Option{otlpmetrichttp.WithEndpoint(address(o)), otlpmetrichttp.WithHTTPClient(w.client)}
		if w.tls == nil {
			options = append(options, otlpmetrichttp.WithInsecure())
		}
		e, err = otlpmetrichttp.New(to.sending, options...)
	} else {
		options := []otlpmetricgrpc.Option{otlpmetricgrpc.WithEndpoint(address(o)), otlpmetricgrpc.WithTimeout(sendTimeout), otlpmetricgrpc.WithInsecure()}
		if w.tls != nil {
			options[2] = otlpmetricgrpc.WithTLSCredentials(credentials.NewTLS(w.tls))
		}
		e, err = otlpmetricgrpc.New(to.sending, options...)
	}
	return timeOutlet{e, to}, err
}

var (
	_ sdktrace.SpanExporter = spanOutlet{}
	_ sdkmetric.Exporter    = timeOutlet{}
)
