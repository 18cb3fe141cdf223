package moesif

import (
	"net/http"
	"sync"
	"unsafe"

	"github.com/gatemeter/gatemeter/moesif/identity"
	"github.com/gatemeter/gatemeter/moesif/mask"
	"github.com/gatemeter/gatemeter/moesif/queue"
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

// Skip asks should_skip. When it cannot tell, the event is reported.
func (it *item) Skip() bool {
	x := &it.exchange
	if x.in.skip == nil {
		return false
	}
	skip, err := x.in.skip(x.subject())
	if err != nil {
		x.in.logger.Debug("should_skip could not be evaluated: the event is reported", "path", x.path(), "error", err)
		return false
	}
	return skip
}

// AppendEvent appends the masked event to dst.
func (it *item) AppendEvent(dst []byte) []byte {
	e := encoders.Get().(*encoder)
	defer e.release()
	e.event(&it.exchange)
	return wire.AppendEvent(dst, &e.out)
}

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

// event fills e.out from a sealed exchange.
func (e *encoder) event(x *Exchange) {
	in := x.in
	who := x.identify()
	e.bodies, e.cut = e.bodies[:0], e.cut[:0]

	e.request = appendMasked(e.request[:0], x.header, in.masks.requestHeaders)
	e.out = wire.Event{
		Request: wire.Request{
			Time:          x.started,
			URI:           in.masks.query.URI(x.uri()),
			Verb:          x.method,
			Headers:       e.request,
			IPAddress:     identity.ClientIP(x.header, x.remote, in.trusted),
			ContentLength: x.request.size(x.length),
		},
		UserID:        who.UserID,
		CompanyID:     who.CompanyID,
		TransactionID: newID(x.started),
		Direction:     "Incoming",
		Weight:        1,
	}
	e.out.Request.Body, e.out.Request.TransferEncoding = e.body("request.body", &x.request, x.length,
		x.header, in.masks.requestBody)
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
			x.answer, in.masks.responseBody)
		e.out.Response = &e.answer
	}
	e.metadata = x.appendMetadata(e.metadata[:0], who, e.cut)
	e.out.Metadata = e.metadata
}

// body appends what may be sent of b to e.bodies and returns it, nil when that is
// nothing. declared is the length of the whole body, -1 when unknown.
func (e *encoder) body(name string, b *body, declared int64, headers wire.Headers, m *mask.Body) (value []byte, encoding string) {
	if len(b.kept) == 0 {
		return nil, ""
	}
	contentType, _ := identity.Header(headers, "Content-Type")
	contentEncoding, _ := identity.Header(headers, "Content-Encoding")
	start := len(e.bodies)
	bodies, encoding, cut, ok := m.Apply(e.bodies, b.kept, contentType, contentEncoding, b.limit, b.isCut(declared))
	e.bodies = bodies
	if !ok {
		return nil, ""
	}
	if cut {
		e.cut = append(e.cut, name)
	}
	return e.bodies[start:len(e.bodies):len(e.bodies)], encoding
}
