package gateway

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/pipe"
	"github.com/gatemeter/gatemeter/gateway/route"
	"github.com/gatemeter/gatemeter/gateway/telemetry"
	"github.com/gatemeter/gatemeter/gateway/telemetry/otel"
	"github.com/gatemeter/gatemeter/moesif"
)

// handler takes a request from its route to its answer; Capture stands around it.
type handler struct {
	table   route.Table[*endpoint]
	rest    rest // what the table has nothing for
	router  *config.Router
	debug   bool
	echo    bool
	version []string // X-Krakend
	clients pipe.Clients
	// guards of the whole service stand before everything but /__health.
	guards []guard
	// unmatchedLimits stand before the answer to what no endpoint matches.
	unmatchedLimits []guard

	govern func(http.ResponseWriter, *http.Request) bool
	// tellParams: an expression may look at the route's parameters.
	tellParams bool
	patience   time.Duration // see bodyPatience
	access     *telemetry.Access
	metrics    *telemetry.Metrics
	telemetry  *otel.Telemetry // nil: no collector is told anything
	unmatched  *telemetry.Route
	logger     *slog.Logger
}

// endpoint is what a path and method lead to.
type endpoint struct {
	pattern string
	names   []string // of the parameters
	guards  guards
	pipe    pipe.Pipe
	payload int64 // bytes of a body, 0: no limit
	ours    bool  // answers about the gateway itself: neither captured nor governed
	counts  *telemetry.Route
}

func newHandler(g *Gateway, o *pipe.Options) (*handler, error) {
	s := g.service
	h := &handler{
		router:  &s.Router,
		debug:   s.DebugEndpoint,
		echo:    s.EchoEndpoint,
		version: pipe.VersionHeader(o),
		clients: o.Clients,
		guards:  g.serviceGuards(o),
		govern:  func(http.ResponseWriter, *http.Request) bool { return true },
		metrics: g.metrics,
		logger:  g.logger,

		unmatchedLimits: g.limits.unmatched,

		telemetry: g.telemetry,
		patience:  bodyPatience(s),
	}
	if h.metrics != nil {
		h.unmatched = h.metrics.Route("", "")
	}
	options := newOptions()
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		pattern, err := parsePath(e.Path, s.DisableREST)
		if err != nil {
			return nil, fmt.Errorf("endpoints[%d].endpoint: %w", i, err)
		}
		guards, err := g.newGuards(e, pattern.Names, o)
		if err != nil {
			return nil, fmt.Errorf("endpoints[%d].%w", i, err)
		}
		p, err := pipe.New(e, pattern.Names, o)
		if err != nil {
			return nil, fmt.Errorf("endpoints[%d].%w", i, err)
		}
		payload := int64(cmp.Or(e.MaxPayload, s.Router.MaxPayload))
		made := endpoint{guards: guards, pipe: tellOf(g.telemetry.NewPipe(e.Told, e.Method, pattern.Text), p), payload: payload}
		if e.Path == config.CatchAll {
			h.addRest(e, pattern, made)
			continue
		}
		if err := h.add(e.Method, pattern, made); err != nil {
			return nil, fmt.Errorf("endpoints[%d].endpoint: %w", i, err)
		}
		options.add(pattern, e.Method)
	}
	if s.Router.AutoOptions {
		if err := options.register(h); err != nil {
			return nil, err
		}
	}
	if s.Router.DisableHealth {
		return h, nil
	}
	path := s.Router.HealthPath
	if path == "" {
		path = "/__health"
	}
	pattern, err := route.Parse(path, false)
	if err != nil {
		return nil, fmt.Errorf("router.health_path: %w", err)
	}
	return h, h.add(http.MethodGet, pattern, endpoint{pipe: health{}, ours: true})
}

func (h *handler) add(method string, p route.Pattern, e endpoint) error {
	h.name(&e, method, p)
	return h.table.Add(method, p, &e)
}

func (h *handler) name(e *endpoint, method string, p route.Pattern) {
	e.pattern, e.names = p.Text, p.Names
	if h.metrics != nil {
		e.counts = h.metrics.Route(method, p.Text)
	}
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &answer{ResponseWriter: w, counts: h.unmatched}
	if h.access != nil || h.metrics != nil {
		a.began = time.Now()
		if h.metrics != nil {
			h.metrics.Begin()
		}
	}
	if h.telemetry != nil {
		r = h.telemetry.Begin(r)
	}
	defer h.end(a, r)
	h.hurry(a, r)
	h.serve(a, r)
}

func (h *handler) serve(a *answer, r *http.Request) {
	path := r.URL.Path
	if h.router.RemoveExtraSlash {
		path = route.Clean(path)
	}
	x := moesif.From(r.Context())
	if h.debug && under(path, "/__debug") || h.echo && under(path, "/__echo") {
		x.Ignore()
		if r, ok := admit(h.guards, a, r, nil); ok {
			h.mirror(a, r, path)
		}
		return
	}
	e, params, ok := h.table.Lookup(r.Method, path, a.values[:0])
	if !ok && h.rest != nil {
		e, params, ok = h.lookupRest(r.Method, path, a.values[:0])
	}
	if !ok {
		if r, ok = admit(h.guards, a, r, nil); ok {
			h.miss(a, r, path)
		}
		return
	}
	a.counts = e.counts
	if h.telemetry != nil {
		h.telemetry.Matched(r, e.pattern)
	}
	if e.ours {
		x.Ignore()
		e.pipe.Serve(a, r, nil)
		return
	}
	x.SetRoute(e.pattern)
	if h.tellParams {
		x.SetParams(e.pairs(params.Values)...)
	}
	if r, ok = h.first(a, r, e, params.Values); !ok {
		if e.guards.asks {
			x.Nobody()
		}
		return
	}
	if r, ok = admit(e.guards.identify, a, r, params.Values); !ok {
		return
	}
	if !h.governed(a, r, path) {
		return
	}
	if r, ok = admit(e.guards.limit, a, r, params.Values); !ok {
		return
	}
	if !h.safe(a, x, params.Values) { // a script may have changed them
		return
	}
	if r, ok = admit(e.guards.check, a, r, params.Values); !ok {
		return
	}
	a.calm()
	e.pipe.Serve(a, r, params.Values)
}

// first is what a request meets before it is asked who makes it: what its parameters
// look like, as KrakenD does in front of everything else (KrakenD v3, 2.1), where it
// comes from, and how long it is.
func (h *handler) first(a *answer, r *http.Request, e *endpoint, values []string) (*http.Request, bool) {
	if !h.safe(a, moesif.From(r.Context()), values) {
		return nil, false
	}
	r, ok := admit(h.guards, a, r, values)
	if !ok || e.payload > 0 && !bounded(a, r, e.payload) {
		return nil, false
	}
	return admit(e.guards.first, a, r, values)
}

// governed reports whether rules let the request go on. They see the path that was
// matched, so that nobody passes them by with another spelling of it.
func (h *handler) governed(a *answer, r *http.Request, path string) bool {
	var began time.Time
	if a.hurried {
		h.hurry(a, r)
		began = time.Now()
	}
	return h.ruled(a, r, path) && !h.slow(a, r, began)
}

func (h *handler) ruled(a *answer, r *http.Request, path string) bool {
	if path == r.URL.Path {
		return h.govern(a, r)
	}
	seen := r.WithContext(r.Context())
	matched := *r.URL
	matched.Path = path
	seen.URL = &matched
	pass := h.govern(a, seen)
	r.Body = seen.Body // conditions may have looked into it
	return pass
}

// pairs is name, value, name, value, and so on.
func (e *endpoint) pairs(values []string) []string {
	pairs := make([]string, 0, 2*len(e.names))
	for i, name := range e.names {
		pairs = append(pairs, name, values[i])
	}
	return pairs
}

func under(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// safe answers a request with a parameter that is refused.
func (h *handler) safe(w http.ResponseWriter, x *moesif.Exchange, values []string) bool {
	for _, value := range values {
		if problem := h.unsafe(value); problem != "" {
			x.Refuse(moesif.BadRequest)
			pipe.BadRequest(w, problem)
			return false
		}
	}
	return true
}

// unsafe says why a parameter's value is refused, "" when it is not (KrakenD v3,
// 1.4 and the deliberate differences of 9).
func (h *handler) unsafe(value string) string {
	if value == "." || value == ".." {
		return "dot segment in url params"
	}
	if problem := climbing(value); problem != "" {
		return problem
	}
	special := strings.IndexAny(value, "%?#\r\n")
	if special < 0 {
		return ""
	}
	if strings.ContainsAny(value, "\r\n") {
		return "line break in url params"
	}
	if h.router.DisablePathDecoding {
		return ""
	}
	decoded, err := url.PathUnescape(value)
	if err != nil {
		return err.Error()
	}
	if decoded != value || strings.ContainsAny(value, "?#") {
		return "encoded url params"
	}
	return ""
}

// end turns a panic into 500 and counts the answer.
func (h *handler) end(a *answer, r *http.Request) {
	problem := recover()
	if problem != nil && problem != http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
		h.logger.Error("a handler panicked", "path", r.URL.Path, "panic", problem, "stack", string(debug.Stack()))
		if a.status == 0 {
			a.WriteHeader(http.StatusInternalServerError)
			problem = nil
		}
	}
	h.count(a, r)
	if h.telemetry != nil {
		h.telemetry.End(r, a.status, problem != nil)
	}
	if problem != nil {
		panic(http.ErrAbortHandler) // the client must not take the answer for complete
	}
}

func (h *handler) count(a *answer, r *http.Request) {
	if a.began.IsZero() {
		return
	}
	now := time.Now()
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if h.metrics != nil {
		h.metrics.End(a.counts, a.status, a.bytes, now.Sub(a.began))
	}
	if h.access == nil {
		return
	}
	for _, path := range h.router.LoggerSkipPaths {
		if path == r.URL.Path {
			return
		}
	}
	h.access.Log(r, telemetry.Line{
		Time: now, Method: r.Method, Path: r.URL.Path, Client: h.clients.IP(r),
		Status: a.status, Bytes: a.bytes, Duration: now.Sub(a.began),
	})
}
