package moesif

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/moesif/identity"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Reasons for Refuse: the gateway itself answered, and why.
const (
	Unauthenticated  = "unauthenticated"
	Forbidden        = "forbidden"
	RateLimited      = "rate_limited"
	Quota            = "quota"
	Blocked          = "blocked"
	NotFound         = "not_found"
	MethodNotAllowed = "method_not_allowed"
	BadRequest       = "bad_request"
)

// Exchange is the record of one request and its answer. Capture makes it and puts
// it in the request's context, where From finds it; inner layers add what only
// they know. It is never reused: whoever still holds it after the request may go
// on calling, and changes nothing any more.
//
// All methods are safe for concurrent use and do nothing on a nil Exchange.
type Exchange struct {
	in     *Integration
	parent *Exchange // of an outgoing call: the exchange it was made for; nil when there is none

	// Set before the request is handed on, and not changed afterwards.
	started  time.Time
	outgoing bool
	method   string
	host     string
	target   string // as in the request line
	remote   string // the peer's address and port
	secure   bool   // over TLS
	length   int64  // of the request's body in bytes, -1 when unknown
	header   wire.Headers

	request, response body // what was captured; each guards itself

	mu       sync.Mutex // guards the fields below until sealed; nothing changes after
	sealed   bool
	ignored  bool
	route    string
	refused  string
	nobody   bool     // refused before it was asked who calls
	params   []string // name, value, name, value, …
	claims   map[string]any
	caller   Caller // as code has set it
	asked    bool   // Hooks.Identify was
	metadata []byte // members of an object, as code has set them
	who      identity.Identity
	known    bool          // who is
	ip       string        // of the client, once somebody wanted to know
	ruled    []wire.Header // that rules add to the answer
	blocked  string        // the rule that blocked the call
	status   int           // 0: no answer
	answer   wire.Headers
	duration time.Duration

	weight int // calls the event stands for, set when it is judged
}

// contextKey finds the Exchange in a request's context.
type contextKey struct{}

// From returns the exchange that ctx belongs to, nil when it is not captured.
func From(ctx context.Context) *Exchange {
	x, _ := ctx.Value(contextKey{}).(*Exchange)
	return x
}

// SetRoute says which pattern the request matched, like /orders/{id}.
func (x *Exchange) SetRoute(pattern string) { x.note(func() { x.route = pattern }) }

// SetParams gives the route's parameters: name, value, name, value, and so on.
// The exchange keeps the slice.
func (x *Exchange) SetParams(pairs ...string) { x.note(func() { x.params = pairs }) }

// SetVerifiedClaims says that an endpoint has validated a token, and what it
// claims: from here on only these identify the caller, whatever other tokens the
// request carries. The exchange keeps the map; it must not be changed any more.
func (x *Exchange) SetVerifiedClaims(claims map[string]any) {
	if claims == nil {
		claims = map[string]any{}
	}
	x.note(func() { x.claims, x.known = claims, false })
}

// Refuse says that the gateway answers itself, for one of the reasons above or
// another word. A request refused as Unauthenticated is attributed to nobody.
func (x *Exchange) Refuse(reason string) { x.note(func() { x.refused = reason }) }

// Nobody says that the gateway answered before it asked who calls, though it would
// have: what the request says of itself does not count, and it is attributed to nobody.
func (x *Exchange) Nobody() { x.note(func() { x.nobody = true }) }

// Ignore leaves the exchange out of everything: it is neither reported nor
// governed. For health checks and preflights.
func (x *Exchange) Ignore() { x.note(func() { x.ignored = true }) }

// Status is that of the answer, 0 as long as it has not begun.
func (x *Exchange) Status() int {
	if x == nil {
		return 0
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.status
}

// matched takes the route from the pattern of a net/http ServeMux
// ("GET example.com/orders/{id}") where nobody has set one.
func (x *Exchange) matched(pattern string) {
	slash := strings.IndexByte(pattern, '/')
	if slash < 0 {
		return
	}
	x.note(func() {
		if x.route == "" {
			x.route = pattern[slash:]
		}
	})
}

// note changes a field as long as the exchange is not sealed.
func (x *Exchange) note(change func()) {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.sealed {
		change()
	}
}

// begin fills in the part that is known when the request has arrived.
func (x *Exchange) begin(in *Integration, r *http.Request) {
	x.in = in
	x.started = time.Now()
	x.method, x.host, x.target, x.remote = r.Method, r.Host, r.RequestURI, r.RemoteAddr
	if x.target == "" && r.URL != nil { // not from a server
		x.target = r.URL.RequestURI()
	}
	x.secure = r.TLS != nil
	x.length = r.ContentLength
	x.header = snapshot(r.Header)
	x.request.limit = in.requestLimit
	x.response.limit = in.responseLimit
}

// toAdd are the headers that rules add to the answer.
func (x *Exchange) toAdd() []wire.Header {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.ruled
}

// answered records the answer's status and headers, the first that is final.
func (x *Exchange) answered(status int, header http.Header) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.status != 0 || x.sealed {
		return
	}
	x.status = status
	x.answer = snapshot(header)
}

// seal ends the exchange: nothing of it changes afterwards. It reports whether
// the exchange is to be reported now, which is so at most once.
func (x *Exchange) seal() (report bool) {
	x.request.seal()
	x.response.seal()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.sealed {
		return false
	}
	x.sealed = true
	x.duration = time.Since(x.started) // monotonic: a clock that is set does not bend it
	return !x.ignored
}

// path is the target's path as the client wrote it.
func (x *Exchange) path() string {
	path, _, _ := strings.Cut(x.originForm(), "?")
	return path
}

// decodedPath is the path as rules see it.
func (x *Exchange) decodedPath() string {
	path := x.path()
	if decoded, err := url.PathUnescape(path); err == nil {
		return decoded
	}
	return path
}

// query is the target's raw query.
func (x *Exchange) query() string {
	_, query, _ := strings.Cut(x.originForm(), "?")
	return query
}

// originForm is the target without scheme and host, where the client sent them
// (RFC 9112, 3.2.2).
func (x *Exchange) originForm() string {
	_, rest, absolute := strings.Cut(x.target, "://")
	if !absolute || strings.HasPrefix(x.target, "/") {
		return x.target
	}
	if slash := strings.IndexAny(rest, "/?"); slash >= 0 {
		return rest[slash:]
	}
	return "/"
}

// uri is the whole address that was asked for.
func (x *Exchange) uri() string {
	if !strings.HasPrefix(x.target, "/") && x.target != "*" {
		return x.target // absolute already, or of a CONNECT
	}
	scheme := "http://"
	if x.secure {
		scheme = "https://"
	}
	if x.target == "*" {
		return scheme + x.host
	}
	return scheme + x.host + x.target
}

// snapshot copies the fields of h as they are now. The strings are shared: they
// cannot change. Trailers that stand among the headers are left out.
func snapshot(h http.Header) wire.Headers {
	n := 0
	for _, values := range h {
		n += len(values)
	}
	if n == 0 {
		return nil
	}
	out := make(wire.Headers, 0, n)
	for name, values := range h {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			continue
		}
		for _, value := range values {
			out = append(out, wire.Header{Name: name, Value: value})
		}
	}
	return out
}
