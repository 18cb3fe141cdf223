package otel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// Calls tells of the calls that next makes, and hands the trace on to whom they go
// to, whatever input_headers says. It belongs directly around the connections: an
// answer out of a cache is no call, and each redirect is one. told is what the backend
// says itself; nil: nothing. t may be nil, which gives next.
func (t *Telemetry) Calls(told *config.Layer, next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return &calls{t, t.layer(told, t.backend), next}
}

type calls struct {
	*Telemetry
	tells config.Layer
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper. A call ends when its answer begins; the
// body is not waited for, as with KrakenD's default.
func (c *calls) RoundTrip(r *http.Request) (*http.Response, error) {
	if requestOf(r.Context()) == nil { // of a path in skip_paths
		return c.next.RoundTrip(r)
	}
	began := time.Now()
	about := append(make([]attribute.KeyValue, 0, 6), methodOf(r.Method), semconv.URLScheme(r.URL.Scheme), semconv.ServerAddress(r.URL.Hostname()))
	if port, ok := portOf(r.URL); ok {
		about = append(about, semconv.ServerPort(port))
	}
	ctx, span := r.Context(), trace.Span(nil)
	if c.tells.Traces {
		ctx, span = c.spans.Start(ctx, spanName(r.Method, ""), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(about...))
	}
	resp, err := c.next.RoundTrip(handOn(ctx, r))
	told := len(about)
	failed := err != nil
	if failed {
		about = append(about, semconv.ErrorTypeKey.String(kind(r.Context(), err)))
	} else {
		about = append(about, semconv.HTTPResponseStatusCode(resp.StatusCode))
		if failed = resp.StatusCode >= 400; failed {
			about = append(about, semconv.ErrorTypeKey.String(strconv.Itoa(resp.StatusCode)))
		}
	}
	if span != nil {
		span.SetAttributes(about[told:]...)
		if failed {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
	if c.tells.Metrics {
		c.callTimes.Record(ctx, seconds(began), metric.WithAttributeSet(attribute.NewSet(about...)))
	}
	return resp, err
}

// handOn gives r with the trace of ctx in its headers; r itself where there is none.
func handOn(ctx context.Context, r *http.Request) *http.Request {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return r
	}
	own := *r
	own.Header = r.Header.Clone()
	if own.Header == nil {
		own.Header = http.Header{}
	}
	delete(own.Header, "Tracestate") // of another trace
	traceContext.Inject(ctx, propagation.HeaderCarrier(own.Header))
	return &own
}

// kind is what an error is called: of its words nobody knows what they tell.
func kind(ctx context.Context, err error) string {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	var slow net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return "timeout"
	}
	return fmt.Sprintf("%T", err)
}

func portOf(u *url.URL) (int, bool) {
	switch port := u.Port(); {
	case port != "":
		n, err := strconv.Atoi(port)
		return n, err == nil
	case u.Scheme == "http":
		return 80, true
	case u.Scheme == "https":
		return 443, true
	}
	return 0, false
}

var _ http.RoundTripper = (*calls)(nil)
