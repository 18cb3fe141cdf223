// Package collect is Moesif's Collector API: what gateways and SDKs send comes
// in here, is checked, and is on disk before it is acknowledged.
package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/customers"
	"github.com/gatemeter/gatemeter/platform/journal"
	"github.com/gatemeter/gatemeter/platform/rules"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"
)

// maxPosts bounds the requests that bring something at one time.
const maxPosts = 2048

// Journal takes what is accepted; Append returns once it is on disk. Ready says
// beforehand why it would not be.
type Journal interface {
	Append(ctx context.Context, b journal.Batch) (journal.Receipt, error)
	Ready() error
}

// Options are the parts a Collector stands on; all but Limit are required.
type Options struct {
	Gate      *access.Gate
	Journal   Journal
	Customers *customers.Store
	Rules     *rules.Rules
	Clock     func() time.Time
	Logger    *slog.Logger
	Metrics   prometheus.Registerer
	// Limit asks whether an application may bring so many items now; otherwise it
	// says after how long it may. nil: always.
	Limit func(app string, items int) (wait time.Duration)
}

// Collector serves /v1/ and /health/probe. It is safe for concurrent use.
type Collector struct {
	Options
	budget   *semaphore.Weighted
	turns    *turns
	requests *prometheus.CounterVec
	open     prometheus.Gauge
	faults   faultLog
	outages  outageLog
	posts    atomic.Int64 // those at work
}

var _ http.Handler = (*Collector)(nil)

// New returns a collector.
func New(o Options) *Collector {
	c := &Collector{
		Options: o,
		budget:  semaphore.NewWeighted(bodyBudget),
		turns:   newTurns(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatemeter_collector_requests_total",
			Help: "Requests to the Collector API, by endpoint and status.",
		}, []string{"endpoint", "code"}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatemeter_collector_open_requests",
			Help: "Requests to the Collector API that are being answered, those that wait for changed rules included.",
		}),
	}
	o.Metrics.MustRegister(c.requests, c.open)
	return c
}

// request is an authenticated request with its decoded body.
type request struct {
	app    access.Application
	body   []byte
	room   *room  // where body lives, and what is made of it
	turn   *turn  // to read body; ended once that is done
	remote string // address of the client's connection, without the port

	protobuf bool // the body is no JSON
}

// endpoint is one path of the API. Exactly one of post and get is set.
type endpoint struct {
	post  func(c *Collector, ctx context.Context, r request) (answer, error)
	limit int64 // decoded bytes of a body
	otlp  bool  // asked and answered as OpenTelemetry has it
	get   func(d *rules.Documents) rules.Document
}

// What a body may have, in decoded bytes (Moesif wire, 1.3).
const (
	maxBatch       = 50 << 20
	maxActionBatch = 15 << 20
)

var endpoints = map[string]endpoint{
	"/v1/events":              {post: (*Collector).event, limit: maxBatch},
	"/v1/events/batch":        {post: (*Collector).events, limit: maxBatch},
	"/v1/actions":             {post: (*Collector).action, limit: maxActionBatch},
	"/v1/actions/batch":       {post: (*Collector).actions, limit: maxActionBatch},
	"/v1/users":               {post: one((*Collector).users), limit: maxBatch},
	"/v1/users/batch":         {post: many((*Collector).users), limit: maxBatch},
	"/v1/companies":           {post: one((*Collector).companies), limit: maxBatch},
	"/v1/companies/batch":     {post: many((*Collector).companies), limit: maxBatch},
	"/v1/subscriptions":       {post: one((*Collector).subscriptions), limit: maxBatch},
	"/v1/subscriptions/batch": {post: many((*Collector).subscriptions), limit: maxBatch},
	"/v1/traces":              {post: (*Collector).traces, limit: maxTraces, otlp: true},
	"/v1/config":              {get: func(d *rules.Documents) rules.Document { return d.Config }},
	"/v1/rules":               {get: func(d *rules.Documents) rules.Document { return d.Rules }},
}

// ServeHTTP answers one request. Every answer has both tags (Moesif wire, 0.2)
// and may be read by any web page, because the browser's SDK runs in them (0.10).
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", wire.ConfigTagHeader+", "+wire.RulesTagHeader+", ETag, Retry-After")
	// A client without an application has nothing to fetch again.
	rules.Tags{Config: "0", Rules: "0"}.Set(h)
	c.open.Inc()
	defer c.open.Dec()
	e, found := endpoints[r.URL.Path]
	name := r.URL.Path
	sw := &statusWriter{ResponseWriter: w}
	switch {
	case r.Method == http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "Content-Type, Content-Encoding, X-Moesif-Application-Id, X-Moesif-SDK")
		h.Set("Access-Control-Max-Age", "86400")
		sw.WriteHeader(http.StatusNoContent)
	case r.URL.Path == "/health/probe":
		answerJSON(sw, http.StatusOK, map[string]any{"status": true, "region": "self-hosted"})
	case !found:
		name = "other"
		c.refuse(sw, refusal(http.StatusNotFound, "the Collector API has no "+r.URL.Path))
	default:
		c.serve(sw, r, e)
	}
	c.requests.WithLabelValues(name, strconv.Itoa(sw.status)).Inc()
}

func (c *Collector) serve(w http.ResponseWriter, r *http.Request, e endpoint) {
	reading := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case e.get != nil && !reading:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		c.refuse(w, refusal(http.StatusMethodNotAllowed, "use GET"))
		return
	case e.post != nil && r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST, OPTIONS")
		c.refuse(w, refusal(http.StatusMethodNotAllowed, "use POST"))
		return
	}
	app, ok := c.Gate.ByApplicationID(r.Header.Get("X-Moesif-Application-Id"))
	if !ok {
		c.refuse(w, refusal(http.StatusUnauthorized, "X-Moesif-Application-Id does not name an application of this platform"))
		return
	}
	documents, err := c.Rules.Of(r.Context(), app)
	if err != nil {
		c.refuse(w, err)
		return
	}
	if e.get != nil {
		c.Rules.Serve(w, r, documents, e.get)
		return
	}
	documents.Tags.Set(w.Header())
	var inProtobuf bool
	if e.otlp {
		if inProtobuf, err = isProtobuf(r); err != nil {
			c.refuse(w, err)
			return
		}
	}
	a, err := c.post(w, r, e, request{app: app, remote: hostOf(r.RemoteAddr), protobuf: inProtobuf})
	switch {
	case err != nil && inProtobuf:
		p := c.problemOf(err)
		p.hint(w.Header())
		answerBytes(w, p.Status, protobuf, p.status())
	case err != nil:
		c.refuse(w, err)
	case e.otlp:
		answerTraces(w, inProtobuf, a)
	default:
		answerJSON(w, http.StatusCreated, a)
	}
}

// post takes what a request brings, if there is space for it: who is told so
// before the body is read has sent less in vain.
func (c *Collector) post(w http.ResponseWriter, r *http.Request, e endpoint, in request) (answer, error) {
	defer c.posts.Add(-1)
	if c.posts.Add(1) > maxPosts {
		return answer{}, refusal(http.StatusTooManyRequests, "too many requests at once: send it again")
	}
	if err := c.Journal.Ready(); err != nil {
		return answer{}, fmt.Errorf("journal: %w", err)
	}
	in.room = &room{budget: c.budget}
	defer in.room.release()
	var err error
	if in.body, err = readBody(w, r, e.limit, in.room); err != nil {
		return answer{}, err
	}
	if in.turn, err = c.turns.take(r.Context()); err != nil {
		in.room.put(in.body)
		return answer{}, err
	}
	defer in.turn.end()
	a, err := e.post(c, r.Context(), in)
	// A journal that failed may be reading what is a part of the body still; what is
	// refused never came to it.
	var refused *problem
	if err == nil || errors.As(err, &refused) {
		in.room.put(in.body)
	}
	return a, err
}

// allow asks the limit for an application's items.
func (c *Collector) allow(app string, items int) error {
	if c.Limit == nil {
		return nil
	}
	wait := c.Limit(app, items)
	if wait <= 0 {
		return nil
	}
	p := refusal(http.StatusTooManyRequests, fmt.Sprintf("the application sends more than it may: send these %d items again later", items))
	p.after = wait
	return p
}

// refuse answers err as a problem document.
func (c *Collector) refuse(w http.ResponseWriter, err error) {
	p := c.problemOf(err)
	p.hint(w.Header())
	answerJSON(w, p.Status, p)
}

// problemOf is err as it is told to a client: a *problem as it is, a journal
// without space as 429, anything else as 503, because the client did nothing
// wrong and should come again.
func (c *Collector) problemOf(err error) *problem {
	var p *problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, journal.ErrFull), errors.Is(err, journal.ErrBehind):
		c.outages.report(c.Logger, c.Clock(), err)
		p = refusal(http.StatusTooManyRequests, "there is no space for this at the moment: send it again later")
		p.after = fullRetryAfter
		return p
	case !errors.Is(err, context.Canceled):
		c.outages.report(c.Logger, c.Clock(), err)
	}
	return refusal(http.StatusServiceUnavailable, "this could not be stored at the moment: send it again")
}

func hostOf(remoteAddr string) string {
	host, _, err := net.SplitHostPort(remoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
