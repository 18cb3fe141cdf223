package otel

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// Pipe tells of the pipe of one endpoint: layer proxy. Its span is between the
// request's and those of the calls; the metric has the name that KrakenD gives it.
type Pipe struct {
	of    *Telemetry
	tells config.Layer
	name  string // of the span
	about []attribute.KeyValue
}

// NewPipe is for the endpoint with this method ("" for any) and pattern; told is what
// it says itself, nil for nothing. It is nil where there is nothing to tell. t may be
// nil.
func (t *Telemetry) NewPipe(told *config.Layer, method, pattern string) *Pipe {
	if t == nil {
		return nil
	}
	tells := t.layer(told, t.proxy)
	if !tells.Traces && !tells.Metrics {
		return nil
	}
	p := &Pipe{of: t, tells: tells, name: "proxy " + pattern, about: []attribute.KeyValue{semconv.HTTPRoute(pattern)}}
	if method != "" {
		p.name, p.about = "proxy "+method+" "+pattern, append(p.about, methodOf(method))
	}
	return p
}

// Work is one request in a pipe; nil is one that nothing is told of.
type Work struct {
	pipe  *Pipe
	began time.Time
	ctx   context.Context
	span  trace.Span // nil: none
}

// Begin notes that r has reached the pipe, and gives the request to go on with.
func (p *Pipe) Begin(r *http.Request) (*http.Request, *Work) {
	if requestOf(r.Context()) == nil { // of a path in skip_paths
		return r, nil
	}
	w := &Work{pipe: p, began: time.Now(), ctx: r.Context()}
	if !p.tells.Traces {
		return r, w
	}
	w.ctx, w.span = p.of.spans.Start(w.ctx, p.name, trace.WithAttributes(p.about...))
	return r.WithContext(w.ctx), w
}

// End notes the answer: whether all of what the endpoint puts together is in it
// (X-Krakend-Completed), and whether it broke off.
func (w *Work) End(status int, complete, cut bool) {
	if w == nil {
		return
	}
	told := []attribute.KeyValue{attribute.Bool("complete", complete)}
	switch {
	case cut:
		told = append(told, semconv.ErrorTypeKey.String("aborted"))
	case status >= 500:
		told = append(told, semconv.ErrorTypeKey.String(strconv.Itoa(status)))
	}
	if w.span != nil {
		w.span.SetAttributes(told...)
		if len(told) > 1 {
			w.span.SetStatus(codes.Error, "")
		}
		w.span.End()
	}
	if w.pipe.tells.Metrics {
		set := attribute.NewSet(append(told, w.pipe.about...)...)
		w.pipe.of.pipeTimes.Record(w.ctx, seconds(w.began), metric.WithAttributeSet(set))
	}
}
