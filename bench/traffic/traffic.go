// Package traffic makes up the calls that benchmarks of the platform store: of
// some hundred companies with some thousand users, of very unequal size, on two
// dozen operations of an API. An event has about 1.2 KB on the wire, bodies
// included, about 200 bytes of which are left in a gzip-compressed batch of 200.
package traffic

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

const (
	companies = 400
	perUser   = 20 // users of the smallest company; the first have 10 times as many
)

// operation is something that is called.
type operation struct {
	weight     int
	verb       string
	route      string // with one {id} at most, at the end or before the last segment
	before     string // the route's part before the id
	after      string // and behind it
	millis     float64
	items      int  // of the answer, at most
	hasRequest bool // a body
}

var operations = []operation{
	{weight: 240, verb: "GET", route: "/v2/products", before: "/v2/products", millis: 12, items: 3},
	{weight: 210, verb: "GET", route: "/v2/products/{id}", before: "/v2/products/", millis: 5, items: 1},
	{weight: 120, verb: "GET", route: "/v2/orders/{id}", before: "/v2/orders/", millis: 9, items: 1},
	{weight: 90, verb: "GET", route: "/v2/search", before: "/v2/search", millis: 45, items: 3},
	{weight: 80, verb: "POST", route: "/v2/orders", before: "/v2/orders", millis: 60, items: 1, hasRequest: true},
	{weight: 60, verb: "GET", route: "/v2/customers/{id}", before: "/v2/customers/", millis: 7, items: 1},
	{weight: 50, verb: "PUT", route: "/v2/orders/{id}", before: "/v2/orders/", millis: 40, items: 1, hasRequest: true},
	{weight: 40, verb: "POST", route: "/v2/quotes", before: "/v2/quotes", millis: 120, items: 2, hasRequest: true},
	{weight: 30, verb: "GET", route: "/v2/invoices/{id}", before: "/v2/invoices/", millis: 25, items: 2},
	{weight: 20, verb: "GET", route: "/v2/invoices", before: "/v2/invoices", millis: 70, items: 4},
	{weight: 20, verb: "PATCH", route: "/v2/customers/{id}", before: "/v2/customers/", millis: 30, items: 1, hasRequest: true},
	{weight: 12, verb: "DELETE", route: "/v2/orders/{id}", before: "/v2/orders/", millis: 15},
	{weight: 10, verb: "POST", route: "/v2/payments", before: "/v2/payments", millis: 350, items: 1, hasRequest: true},
	{weight: 8, verb: "GET", route: "/v2/reports/{id}/lines", before: "/v2/reports/", after: "/lines", millis: 900, items: 3},
	{weight: 6, verb: "POST", route: "/oauth/token", before: "/oauth/token", millis: 20, items: 1, hasRequest: true},
	{weight: 4, verb: "GET", route: "/v2/webhooks", before: "/v2/webhooks", millis: 10, items: 2},
}

var (
	agents = []string{"acme-sdk-js/4.2.1", "acme-sdk-python/2.0.3 (CPython 3.12)", "okhttp/4.12.0", "Go-http-client/2.0", "axios/1.7.2",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"}
	colours = []string{"red", "oak", "blue", "steel", "matt black", "white", "walnut", "brass"}
	things  = []string{"lamp", "table", "chair", "shelf", "drone battery", "rope 20m", "garden bench", "door handle", "cable", "paint 5l"}
	states  = []string{"open", "paid", "packed", "shipped", "returned"}
	failed  = []int{400, 401, 403, 404, 404, 404, 409, 422, 429, 429, 500, 502, 503, 504}
)

// Traffic makes calls, the same ones for the same seed. It is not safe for
// concurrent use.
type Traffic struct {
	rng     *rand.Rand
	weights int
	buf     []byte
}

// New returns the traffic of a seed.
func New(seed uint64) *Traffic {
	t := &Traffic{rng: rand.New(rand.NewPCG(seed, 12)), buf: make([]byte, 0, 4<<10)} // #nosec G404 -- not a secret
	for i := range operations {
		t.weights += operations[i].weight
	}
	return t
}

// customer draws one: the largest company has about a tenth of the calls.
func (t *Traffic) customer() (company, user int) {
	company = int(math.Pow(companies+1, t.rng.Float64()*t.rng.Float64()*0.5+t.rng.Float64()*0.5)) - 1
	users := perUser * (1 + 200/(20+company))
	return company, int(math.Pow(t.rng.Float64(), 2) * float64(users))
}

// Event is a call at the given time.
func (t *Traffic) Event(at time.Time) wire.Event {
	r := t.rng
	op := t.operation()
	company, user := t.customer()
	var id [36]byte
	putID(id[:], r, at, true)
	e := wire.Event{
		TransactionID: string(id[:]), Direction: "Incoming", Weight: 1,
		UserID:    fmt.Sprintf("usr_%03d_%04d", company, user),
		CompanyID: fmt.Sprintf("com_%03d", company),
		Request: wire.Request{
			Time: at, Verb: op.verb, URI: "https://api.shop.example" + op.before, ContentLength: 0,
			IPAddress: fmt.Sprintf("10.%d.%d.%d", company%200, user%250, r.IntN(4)),
		},
		Response: &wire.Response{
			Time:   at.Add(time.Duration(op.millis * math.Exp(r.NormFloat64()*0.6) * float64(time.Millisecond))).Truncate(time.Microsecond),
			Status: 200,
		},
	}
	if op.route != op.before {
		e.Request.URI += strconv.Itoa(100_000+r.IntN(900_000)) + op.after
	} else if op.verb == "GET" {
		e.Request.URI += fmt.Sprintf("?page=%d&q=%s", 1+r.IntN(9), things[r.IntN(len(things))][:4])
	}
	refused := ""
	switch {
	case r.IntN(25) == 0:
		e.Response.Status = failed[r.IntN(len(failed))]
		if e.Response.Status == 429 {
			refused = `,"refused":"rate_limited"`
		}
	case op.verb == "POST":
		e.Response.Status = 201
	case op.verb == "DELETE":
		e.Response.Status = 204
	}
	e.Metadata = fmt.Appendf(nil, `{"gatemeter":{"route":"%s","identity":"verified"%s}}`, op.route, refused)
	agent := agents[(company+user)%len(agents)]
	e.Request.Headers = wire.Headers{
		{Name: "Accept", Value: "application/json"}, {Name: "Accept-Encoding", Value: "gzip, br"}, {Name: "Authorization", Value: "*****"},
		{Name: "Host", Value: "api.shop.example"}, {Name: "Traceparent", Value: fmt.Sprintf("00-%016x%016x-%016x-01", r.Uint64(), r.Uint64(), r.Uint64())},
		{Name: "User-Agent", Value: agent}, {Name: "X-Forwarded-For", Value: e.Request.IPAddress},
	}
	e.Response.Headers = wire.Headers{
		{Name: "Cache-Control", Value: "no-store"}, {Name: "Content-Type", Value: "application/json; charset=utf-8"},
		{Name: "Date", Value: at.Format("Mon, 02 Jan 2006 15:04:05 GMT")}, {Name: "Etag", Value: fmt.Sprintf(`"%016x"`, r.Uint64())},
		{Name: "Vary", Value: "Accept-Encoding"}, {Name: "X-RateLimit-Remaining", Value: strconv.Itoa(r.IntN(1000))},
	}
	if op.hasRequest {
		e.Request.Headers = append(e.Request.Headers, wire.Header{Name: "Content-Type", Value: "application/json"})
		e.Request.Body = t.request()
		e.Request.ContentLength = int64(len(e.Request.Body))
	}
	if op.items > 0 {
		e.Response.Body = t.answer(&op, e.Response.Status, at)
	}
	e.Response.ContentLength = int64(len(e.Response.Body))
	return e
}

func (t *Traffic) operation() operation {
	n := t.rng.IntN(t.weights)
	for i := range operations {
		if n -= operations[i].weight; n < 0 {
			return operations[i]
		}
	}
	return operations[0]
}

// request is a body that is sent.
func (t *Traffic) request() []byte {
	r := t.rng
	b := fmt.Appendf(t.buf[:0], `{"currency":"EUR","reference":"PO-%d","items":[`, r.IntN(100_000))
	for i := range 1 + r.IntN(3) {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"sku":"%04d","quantity":%d}`, r.IntN(3000), 1+r.IntN(9))
	}
	b = append(b, `],"payment":{"method":"card","card":"*****"}}`...)
	t.buf = b
	return append([]byte(nil), b...)
}

// answer is a body that comes back.
func (t *Traffic) answer(op *operation, status int, at time.Time) []byte {
	r := t.rng
	if status >= 400 {
		return fmt.Appendf(nil, `{"error":{"status":%d,"code":"E%d","message":"the request could not be answered","trace":"%08x"}}`, status, status, r.Uint32())
	}
	b := fmt.Append(t.buf[:0], `{"data":[`)
	for i := range 1 + r.IntN(op.items) {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"id":%d,"sku":"%04d","name":"%s %s","state":"%s","price":{"amount":"%d.%02d","currency":"EUR"},"updated_at":"%s","stock":%d,"checksum":"%08x"}`,
			100_000+r.IntN(900_000), r.IntN(3000), colours[r.IntN(len(colours))], things[r.IntN(len(things))], states[r.IntN(len(states))],
			1+r.IntN(400), r.IntN(100), at.Add(-time.Duration(r.IntN(90))*24*time.Hour).Format("2006-01-02"), r.IntN(200), r.Uint32())
	}
	b = fmt.Appendf(b, `],"page":{"number":1,"size":20,"total":%d}}`, r.IntN(5000))
	t.buf = b
	return append([]byte(nil), b...)
}
