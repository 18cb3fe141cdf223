package otel

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"
)

// traceContext is W3C's: traceparent and tracestate. Baggage is not handed on, since
// anybody can send it.
var traceContext propagation.TraceContext

// request is what is known of one while it is answered. One goroutine at a time has
// it.
type request struct {
	began time.Time
	route string     // "": none has matched
	span  trace.Span // nil: none
}

type requestKey struct{}

func requestOf(ctx context.Context) *request {
	q, _ := ctx.Value(requestKey{}).(*request)
	return q
}

// Begin notes that r has arrived, and gives the request to go on with. The trace of
// the client goes on in it; whether it is sampled is then the client's choice
// (W3C Trace Context, 3.2.2.5), otherwise trace_sample_rate's.
func (t *Telemetry) Begin(r *http.Request) *http.Request {
	if t.skips(r.URL.Path) {
		return r
	}
	q := &request{began: time.Now()}
	ctx := traceContext.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	if t.global.Traces && t.spans != nil {
		ctx, q.span = t.spans.Start(ctx, spanName(r.Method, ""), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			methodOf(r.Method), semconv.URLScheme(scheme(r)),
			semconv.NetworkProtocolVersion(strings.TrimSuffix(strings.TrimPrefix(r.Proto, "HTTP/"), ".0"))))
	}
	return r.WithContext(context.WithValue(ctx, requestKey{}, q))
}

// Matched notes the pattern of the route that answers r.
func (t *Telemetry) Matched(r *http.Request, pattern string) {
	if q := requestOf(r.Context()); q != nil {
		q.route = pattern
	}
}

// End notes the answer to r, which Begin gave; status is 0 where nobody has set one,
// and cut says that the answer broke off.
func (t *Telemetry) End(r *http.Request, status int, cut bool) {
	q := requestOf(r.Context())
	if q == nil {
		return
	}
	if status == 0 {
		status = http.StatusOK
	}
	about := make([]attribute.KeyValue, 0, 5)
	about = append(about, semconv.HTTPResponseStatusCode(status))
	if q.route != "" {
		about = append(about, semconv.HTTPRoute(q.route))
	}
	switch {
	case cut:
		about = append(about, semconv.ErrorTypeKey.String("aborted"))
	case status >= 500:
		about = append(about, semconv.ErrorTypeKey.String(strconv.Itoa(status)))
	}
	if q.span != nil {
		if q.route != "" {
			q.span.SetName(spanName(r.Method, q.route))
		}
		q.span.SetAttributes(about...)
		if cut || status >= 500 {
			q.span.SetStatus(codes.Error, "")
		}
		q.span.End()
	}
	if t.global.Metrics && t.requestTimes != nil {
		set := attribute.NewSet(append(about, methodOf(r.Method), semconv.URLScheme(scheme(r)))...)
		t.requestTimes.Record(r.Context(), seconds(q.began), metric.WithAttributeSet(set))
	}
}

// skips reports whether nothing is told of a path: one that stands in skip_paths, or
// below one that ends in a slash.
func (t *Telemetry) skips(path string) bool {
	for _, skipped := range t.skipPaths {
		if path == skipped {
			return true
		}
		if below, ok := strings.CutSuffix(skipped, "/"); ok && below != "" && (path == below || strings.HasPrefix(path, skipped)) {
			return true
		}
	}
	return false
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// spanName is "GET /orders/{id}", or the method alone.
func spanName(method, route string) string {
	if !known(method) {
		method = "HTTP"
	}
	if route == "" {
		return method
	}
	return method + " " + route
}

// methodOf names a method; clients can't make new values of it.
func methodOf(method string) attribute.KeyValue {
	if !known(method) {
		method = "_OTHER"
	}
	return semconv.HTTPRequestMethodKey.String(method)
}

func known(method string) bool {
	switch method {
	case "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY":
		return true
	}
	return false
}
