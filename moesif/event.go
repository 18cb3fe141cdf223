package moesif

import (
	"math"
	"net/http"
	"sync"
	"unsafe"

	"github.com/gatemeter/gatemeter/moesif/identity"
	"github.com/gatemeter/gatemeter/moesif/mask"
	"github.com/gatemeter/gatemeter/moesif/queue"
	"github.com/gatemeter/gatemeter/moesif/rule"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// An exchange becomes an event on a worker of the queue, behind the request. It
// is sealed by then, so its fields are read without locks.
var _ queue.Item = (*item)(nil)

// Size is the memory that the exchange holds while it waits, in bytes.
func (it *item) Size() int {
	x := &it.exchange
	size := int(unsafe.Sizeof(*it)) + len(x.method) + len(x.host) + len(x.target) + len(x.remote) +
		cap(x.request.kept) + cap(x.response.kept)
	for _, headers := range [...]wire.Headers{x.header, x.answer} {
		size += cap(headers) * int(unsafe.Sizeof(wire.Header{}))
		for i := range headers {
			size += len(headers[i].Name) + len(headers[i].Value)
		}
	}
	size += len(x.metadata) + len(x.who.UserID) + len(x.who.CompanyID)
	for _, p := range x.params {
		size += len(p) + int(unsafe.Sizeof(p))
	}
	if x.claims != nil {
		size += claimsSize
	}
	return size
}

// claimsSize is what the claims of a usual token take when decoded, in bytes.
const claimsSize = 2 << 10

// Judge asks should_skip, then the sample rate. When should_skip cannot tell, the
// event is reported.
func (it *item) Judge() queue.Verdict {
	x := &it.exchange
	in := x.in
	if in.skip != nil {
		skip, err := in.skip(x.subject())
		if err != nil {
			in.unskipped.note(err)
		}
		if skip && err == nil {
			return queue.Skip
		}
	}
	if x.weight = in.weigh(x); x.weight == 0 {
		return queue.Sample
	}
	return queue.Report
}

// weigh is the number of calls that the exchange stands for; 0 leaves it out. It
// is called by the one goroutine that judges.
func (in *Integration) weigh(x *Exchange) int {
	set := in.rules.Set()
	if !set.Samples() || x.outgoing {
		return 1
	}
	who := x.current()
	rate := set.SampleRate(&rule.Subject{
		UserID:    who.UserID,
		CompanyID: who.CompanyID,
		Verb:      x.method,
		Route:     x.decodedPath(),
		IP:        x.clientIP(),
		Headers:   x.header,
		Status:    x.status,
	})
	return in.sampler.weigh(customer{who.UserID, who.CompanyID, rate})
}

// AppendEvent appends the masked event to dst.
func (it *item) AppendEvent(dst []byte) []byte {
	e := encoders.Get().(*encoder)
	defer e.release()
	e.event(&it.exchange, math.MaxInt)
	if it.exchange.in.debug {
		it.exchange.tell(&e.out, e.cut)
	}
	out := wire.AppendEvent(dst, &e.out)
	if len(out)-len(dst) > maxEvent {
		e.event(&it.exchange, bodyOfLarge)
		out = wire.AppendEvent(dst, &e.out)
	}
	return out
}

// A collector refuses an event of more than 1 MB (Moesif wire, 1.3). The bodies of
// one that would be larger are cut so far that both fit in base64.
const (
	maxEvent    = 1_000_000
	bodyOfLarge = 330_000
)

// encoder is the scratch space for one event at a time.
type encoder struct {
	out      wire.Event
	answer   wire.Response
	bodies   []byte // both, as JSON values
	metadata []byte
	request  wire.Headers // masked
	response wire.Headers // masked
	cut      []string
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// maxScratch bounds, in bytes, what an idle encoder keeps for the next event.
const maxScratch = 1 << 20

func (e *encoder) release() {
	e.out, e.answer = wire.Event{}, wire.Response{}
	clear(e.request)
	clear(e.response)
	if cap(e.bodies) <= maxScratch {
		encoders.Put(e)
	}
}

// event fills e.out from a sealed exchange, with at most mostBody bytes of each body.
func (e *encoder) event(x *Exchange, mostBody int) {
	in := x.in
	who := x.current()
	e.bodies, e.cut = e.bodies[:0], e.cut[:0]

	e.request = appendMasked(e.request[:0], x.header, in.masks.requestHeaders)
	e.out = wire.Event{
		Request: wire.Request{
			Time:          x.started,
			URI:           in.masks.query.URI(x.uri()),
			Verb:          x.method,
			Headers:       e.request,
			IPAddress:     x.clientIP(),
			ContentLength: x.request.size(x.length),
		},
		UserID:        who.UserID,
		CompanyID:     who.CompanyID,
		SessionToken:  x.caller.SessionToken,
		TransactionID: newID(x.started),
		Direction:     "Incoming",
		Weight:        max(1, x.weight),
		BlockedBy:     x.blocked,
	}
	if x.outgoing {
		e.out.Direction = "Outgoing"
	}
	e.out.Request.Body, e.out.Request.TransferEncoding = e.body("request.body", &x.request, x.length,
		x.header, in.masks.requestBody, mostBody)
	if x.status != 0 {
		e.response = appendMasked(e.response[:0], x.answer, in.masks.responseHeaders)
		e.answer = wire.Response{
			Time:          x.started.Add(x.duration),
			Status:        x.status,
			Headers:       e.response,
			ContentLength: x.response.total,
		}
		if x.status == http.StatusSwitchingProtocols {
			e.answer.ContentLength = -1
		}
		e.answer.Body, e.answer.TransferEncoding = e.body("response.body", &x.response, x.response.total,
			x.answer, in.masks.responseBody, mostBody)
		e.out.Response = &e.answer
	}
	e.metadata = x.appendMetadata(e.metadata[:0], who, e.cut)
	e.out.Metadata = e.metadata
}

// codings is the value of Content-Encoding, all its lines as one list.
func codings(headers wire.Headers) string {
	all := ""
	for i := range headers {
		if headers[i].Name != "Content-Encoding" {
			continue
		}
		if all != "" {
			all += ", "
		}
		all += headers[i].Value
	}
	return all
}

// body appends what may be sent of b to e.bodies and returns it, nil when that is
// nothing. declared is the length of the whole body, -1 when unknown.
func (e *encoder) body(name string, b *body, declared int64, headers wire.Headers, m *mask.Body, most int) (value []byte, encoding string) {
	kept := b.kept[:min(len(b.kept), most)]
	if len(kept) == 0 {
		return nil, ""
	}
	contentType, _ := identity.Header(headers, "Content-Type")
	contentEncoding := codings(headers)
	start := len(e.bodies)
	bodies, encoding, cut, ok := m.Apply(e.bodies, kept, contentType, contentEncoding, min(b.limit, most), len(kept) < len(b.kept) || b.isCut(declared))
	e.bodies = bodies
	if !ok {
		return nil, ""
	}
	if cut {
		e.cut = append(e.cut, name)
	}
	return e.bodies[start:len(e.bodies):len(e.bodies)], encoding
}
