package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// otlpCollector keeps what a collector of OpenTelemetry was told, over HTTP or gRPC.
type otlpCollector struct {
	collectortrace.UnimplementedTraceServiceServer
	host string
	port int
	http bool

	mu       sync.Mutex
	spans    []*trace.Span
	metrics  []*metrics.Metric
	resource map[string]string
}

func toldByHTTP(t *testing.T) *otlpCollector { return toldBy(t, httptest.NewServer) }

// toldBy is a collector that speaks HTTP, or HTTPS.
func toldBy(t *testing.T, start func(http.Handler) *httptest.Server) *otlpCollector {
	t.Helper()
	c := &otlpCollector{http: true}
	s := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		switch {
		case err != nil:
		case r.URL.Path == "/v1/traces":
			var m collectortrace.ExportTraceServiceRequest
			if err = proto.Unmarshal(body, &m); err == nil {
				_, err = c.Export(r.Context(), &m)
			}
		case r.URL.Path == "/v1/metrics":
			var m collectormetrics.ExportMetricsServiceRequest
			if err = proto.Unmarshal(body, &m); err == nil {
				_, err = metricsService{otlpCollector: c}.Export(r.Context(), &m)
			}
		default:
			err = fmt.Errorf("asked for %s", r.URL.Path)
		}
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(s.Close)
	c.at(t, s.Listener.Addr().String())
	return c
}

func toldByGRPC(t *testing.T, options ...grpc.ServerOption) *otlpCollector {
	t.Helper()
	c := &otlpCollector{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(options...)
	collectortrace.RegisterTraceServiceServer(s, c)
	collectormetrics.RegisterMetricsServiceServer(s, metricsService{otlpCollector: c})
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	c.at(t, l.Addr().String())
	return c
}

func (c *otlpCollector) at(t *testing.T, address string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		c.port, err = strconv.Atoi(port)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.host = host
}

// Export implements the service of traces.
func (c *otlpCollector) Export(_ context.Context, m *collectortrace.ExportTraceServiceRequest) (*collectortrace.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range m.GetResourceSpans() {
		c.resource = attributes(r.GetResource().GetAttributes())
		for _, s := range r.GetScopeSpans() {
			c.spans = append(c.spans, s.GetSpans()...)
		}
	}
	return &collectortrace.ExportTraceServiceResponse{}, nil
}

type metricsService struct {
	collectormetrics.UnimplementedMetricsServiceServer
	*otlpCollector
}

// Export implements the service of metrics.
func (c metricsService) Export(_ context.Context, m *collectormetrics.ExportMetricsServiceRequest) (*collectormetrics.ExportMetricsServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range m.GetResourceMetrics() {
		for _, s := range r.GetScopeMetrics() {
			c.metrics = append(c.metrics, s.GetMetrics()...)
		}
	}
	return &collectormetrics.ExportMetricsServiceResponse{}, nil
}

// of is the configuration that tells c everything. Metrics are sent at the end.
func (c *otlpCollector) of() *config.OpenTelemetry {
	return &config.OpenTelemetry{
		Name: "shop", Version: "1.4", Environment: "test", SampleRate: 1, SkipPaths: []string{"/__health", "/quiet/"},
		OTLP:    []config.OTLP{{Name: "c", Host: c.host, Port: c.port, HTTP: c.http, Metrics: true, Traces: true, Every: time.Hour}},
		Global:  config.Layer{Metrics: true, Traces: true},
		Backend: config.Layer{Metrics: true, Traces: true},
	}
}

// lines are the spans, or the points of a metric, as text.
func (c *otlpCollector) lines(metric string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	if metric == "" {
		for _, s := range c.spans {
			all = append(all, fmt.Sprintf("%s %s %v", s.GetKind(), s.GetName(), attributes(s.GetAttributes())))
		}
	}
	for _, m := range c.metrics {
		if m.GetName() != metric {
			continue
		}
		for _, p := range m.GetHistogram().GetDataPoints() {
			all = append(all, fmt.Sprintf("%d %v", p.GetCount(), attributes(p.GetAttributes())))
		}
	}
	return all
}

func (c *otlpCollector) span(t *testing.T, kind trace.Span_SpanKind) *trace.Span {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []*trace.Span
	for _, s := range c.spans {
		if s.GetKind() == kind {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans of %s, want one", len(found), kind)
	}
	return found[0]
}

func attributes(list []*common.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range list {
		all[a.GetKey()] = a.GetValue().GetStringValue()
		if n, is := a.GetValue().GetValue().(*common.AnyValue_IntValue); is {
			all[a.GetKey()] = strconv.FormatInt(n.IntValue, 10)
		}
		if is, ok := a.GetValue().GetValue().(*common.AnyValue_BoolValue); ok {
			all[a.GetKey()] = strconv.FormatBool(is.BoolValue)
		}
	}
	return all
}
