// Package otel tells collectors of OpenTelemetry about requests and about the calls
// to backends behind them: spans, and how long they took (KrakenD v3, 5:
// telemetry/opentelemetry). Names follow the semantic conventions for HTTP 1.41.
//
// An attribute never holds a query, a header, or a path as the client wrote it,
// since parameters can be secrets: a span has the route's pattern.
package otel

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// Telemetry is what one configuration tells, and whom. It is safe for concurrent
// use, and a request never waits for a collector: what the queues have no room for
// is dropped.
type Telemetry struct {
	spans                              trace.Tracer            // nil: nobody asks for spans
	requestTimes, pipeTimes, callTimes metric.Float64Histogram // nil: nobody asks for metrics

	global, proxy, backend config.Layer // what each layer tells, unless an endpoint says otherwise

	skipPaths []string
	scrapes   []http.Handler

	flush  []func(context.Context) error
	stop   context.CancelFunc // of what is being sent
	clean  []func()
	closed sync.Once
}

const (
	scope = "github.com/gatemeter/gatemeter"
	// mostSeries bounds the series of a metric; those beyond are counted as one.
	mostSeries = 2000
)

// buckets are those that the conventions advise, in seconds.
var buckets = metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10)

// New begins to tell what c says. It connects to nobody yet. secure makes TLS out of
// what a collector's tls says. The error begins with the key that can't be used.
func New(c *config.OpenTelemetry, secure func(*config.ClientTLS) (*tls.Config, error), logger *slog.Logger) (_ *Telemetry, err error) {
	sending, stop := context.WithCancel(context.Background())
	t := &Telemetry{skipPaths: c.SkipPaths, stop: stop, global: c.Global, proxy: c.Proxy, backend: c.Backend}
	defer func() {
		if err != nil {
			t.Close(sending)
		}
	}()
	about := resourceOf(c)
	spans := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(about),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(c.SampleRate))),
	}
	times := []sdkmetric.Option{sdkmetric.WithResource(about), sdkmetric.WithCardinalityLimit(mostSeries)}
	traced, measured := false, false
	for i := range c.OTLP {
		o := &c.OTLP[i]
		var safe *tls.Config
		if o.TLS != nil {
			if safe, err = secure(o.TLS); err != nil {
				return nil, fmt.Errorf("exporters.otlp[%d].tls: %w", i, err)
			}
		}
		w, clean := newWay(o, safe)
		t.clean = append(t.clean, clean)
		if o.Traces {
			e, err := newSpans(o, w, newOutlet(sending, o, "traces", logger))
			if err != nil {
				return nil, fmt.Errorf("exporters.otlp[%d]: %w", i, err)
			}
			spans, traced = append(spans, sdktrace.WithBatcher(e)), true
		}
		if o.Metrics {
			e, err := newTimes(o, w, newOutlet(sending, o, "metrics", logger))
			if err != nil {
				return nil, fmt.Errorf("exporters.otlp[%d]: %w", i, err)
			}
			times, measured = append(times, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(e, sdkmetric.WithInterval(o.Every)))), true
		}
	}
	for i := range c.Scrapes {
		reader, handler, err := newScrape(&c.Scrapes[i])
		if err != nil {
			return nil, fmt.Errorf("exporters.prometheus[%d]: %w", i, err)
		}
		times, measured = append(times, sdkmetric.WithReader(reader)), true
		t.scrapes = append(t.scrapes, handler)
	}
	if traced {
		p := sdktrace.NewTracerProvider(spans...)
		t.spans, t.flush = p.Tracer(scope), append(t.flush, p.Shutdown)
	}
	if measured {
		err = t.measure(sdkmetric.NewMeterProvider(times...))
	}
	return t, err
}

func (t *Telemetry) measure(p *sdkmetric.MeterProvider) (err error) {
	t.flush = append(t.flush, p.Shutdown)
	meter := p.Meter(scope)
	for _, h := range []struct {
		to          *metric.Float64Histogram
		name, about string
	}{
		{&t.requestTimes, "http.server.request.duration", "Duration of HTTP server requests."},
		{&t.pipeTimes, "krakend.proxy.duration", "Duration of endpoints' pipes."},
		{&t.callTimes, "http.client.request.duration", "Duration of HTTP client requests."},
	} {
		if *h.to, err = meter.Float64Histogram(h.name, metric.WithUnit("s"), metric.WithDescription(h.about), buckets); err != nil {
			return err
		}
	}
	return nil
}

// layer is what told says or, where it is nil, the service; without what nobody asks
// for.
func (t *Telemetry) layer(told *config.Layer, service config.Layer) config.Layer {
	if told != nil {
		service = *told
	}
	return config.Layer{Traces: service.Traces && t.spans != nil, Metrics: service.Metrics && t.requestTimes != nil}
}

// resourceOf says who tells. Each Telemetry is an instance of its own, since its
// counts begin at zero.
func resourceOf(c *config.OpenTelemetry) *resource.Resource {
	about := []attribute.KeyValue{semconv.ServiceName(c.Name), semconv.ServiceInstanceID(uuid.NewString())}
	if c.Version != "" {
		about = append(about, semconv.ServiceVersion(c.Version))
	}
	if c.Environment != "" {
		about = append(about, attribute.String("deployment.environment.name", c.Environment))
	}
	return resource.NewSchemaless(about...)
}

// Scrapes answer the listeners of exporters.prometheus, in their order.
func (t *Telemetry) Scrapes() []http.Handler {
	if t == nil {
		return nil
	}
	return t.scrapes
}

// Close sends what is left until ctx ends, and then stops all sending. It is done
// once; t may be nil.
func (t *Telemetry) Close(ctx context.Context) {
	if t == nil {
		return
	}
	t.closed.Do(func() {
		var all sync.WaitGroup
		for _, flush := range t.flush {
			all.Go(func() { _ = flush(ctx) }) // the outlets log what fails
		}
		all.Wait()
		t.stop()
		for _, clean := range t.clean {
			clean()
		}
	})
}

func seconds(since time.Time) float64 { return time.Since(since).Seconds() }
