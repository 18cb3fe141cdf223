package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
	"unsafe"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// packedEvent is the first byte of an event as AppendEvent writes it. Wire JSON,
// which versions before wrote, begins with a brace.
const packedEvent = 1

// ErrUnreadable says that an entry holds no event.
var ErrUnreadable = errors.New("not an event")

// What numbers of a packed event may be, as in wire JSON.
const (
	maxStatus = 999
	maxWeight = math.MaxInt32
)

// The first and the last microsecond that a time may be: years 1 to 9999.
var (
	firstTime = time.Time{}.UnixMicro()
	lastTime  = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() - 1
)

// AppendEvent appends e to dst as an entry's Data. It is for reading back fast:
//
//	1, answered (0 or 1), lengths of all texts together and of the three JSON parts,
//	numbers and lengths, texts, JSON parts
//
// Numbers are varints. Everything that e has is kept, except that times have
// microseconds, and what is unknown of a content length is -1.
func AppendEvent(dst []byte, e *wire.Event) []byte {
	q, p := &e.Request, e.Response
	texts := [...]string{
		q.URI, q.Verb, q.APIVersion, q.IPAddress, q.TransferEncoding,
		e.UserID, e.CompanyID, e.SubscriptionID, e.SessionToken, e.TransactionID, e.Direction, e.BlockedBy,
	}
	total := lengthOf(q.Headers)
	for _, s := range texts {
		total += len(s)
	}
	var answered byte
	var answerBody []byte
	if p != nil {
		answered, answerBody = 1, p.Body
		total += len(p.IPAddress) + len(p.TransferEncoding) + lengthOf(p.Headers)
	}
	dst = append(dst, packedEvent, answered)
	for _, n := range [...]int{total, len(q.Body), len(answerBody), len(e.Metadata), max(e.Weight, 0)} {
		dst = appendLength(dst, n)
	}
	dst = binary.AppendVarint(dst, q.Time.UnixMicro())
	dst = binary.AppendVarint(dst, max(q.ContentLength, -1))
	for _, s := range texts {
		dst = appendLength(dst, len(s))
	}
	dst = appendLengths(dst, q.Headers)
	if p != nil {
		dst = binary.AppendVarint(dst, p.Time.UnixMicro())
		dst = binary.AppendVarint(dst, max(p.ContentLength, -1))
		for _, n := range [...]int{max(p.Status, 0), len(p.IPAddress), len(p.TransferEncoding)} {
			dst = appendLength(dst, n)
		}
		dst = appendLengths(dst, p.Headers)
	}
	for _, s := range texts {
		dst = append(dst, s...)
	}
	dst = appendTexts(dst, q.Headers)
	if p != nil {
		dst = append(append(dst, p.IPAddress...), p.TransferEncoding...)
		dst = appendTexts(dst, p.Headers)
	}
	return append(append(append(dst, q.Body...), answerBody...), e.Metadata...)
}

func lengthOf(hs wire.Headers) (total int) {
	for i := range hs {
		total += len(hs[i].Name) + len(hs[i].Value)
	}
	return total
}

func appendLength(dst []byte, n int) []byte {
	if n < 0x80 {
		return append(dst, byte(n))
	}
	return binary.AppendUvarint(dst, uint64(n)) // #nosec G115 -- no length is negative
}

func appendLengths(dst []byte, hs wire.Headers) []byte {
	dst = appendLength(dst, len(hs))
	for i := range hs {
		dst = appendLength(appendLength(dst, len(hs[i].Name)), len(hs[i].Value))
	}
	return dst
}

func appendTexts(dst []byte, hs wire.Headers) []byte {
	for i := range hs {
		dst = append(append(dst, hs[i].Name...), hs[i].Value...)
	}
	return dst
}

// EventReader reads events out of entries. It hands out memory by the piece, for
// the events of one load, which are let go of together. The zero EventReader is
// ready; it is not safe for concurrent use.
type EventReader struct {
	headers   []wire.Header
	responses []wire.Response
}

// How many headers and responses are made at once.
const (
	manyHeaders   = 2048
	manyResponses = 128
)

// Read reads the event that data holds, as AppendEvent wrote it or in wire JSON,
// into e, which is empty. Its texts, bodies and metadata are parts of data, which must
// not change any more. Errors wrap ErrUnreadable or say what is wrong with the JSON,
// and leave in e what means nothing.
func (r *EventReader) Read(e *wire.Event, data []byte) (err error) {
	if len(data) == 0 || data[0] != packedEvent {
		*e, err = wire.DecodeEvent(data)
		return err
	}
	if err := r.unpack(e, data); err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return nil
}

func (r *EventReader) unpack(e *wire.Event, data []byte) error {
	u := unpacker{data: data, at: 1, end: len(data)}
	answered := u.number(1)
	total := u.number(len(data))
	body, answerBody, metadata := u.number(len(data)), u.number(len(data)), u.number(len(data))
	if u.broken != "" || total+body+answerBody+metadata > u.end-u.at {
		return errors.New("it is cut")
	}
	e.Metadata = u.cut(metadata)
	answer := u.cut(answerBody)
	q := &e.Request
	q.Body = u.cut(body)
	texts := u.cut(total)
	u.texts = unsafe.String(unsafe.SliceData(texts), len(texts)) // #nosec G103 -- data does not change

	e.Weight = u.number(maxWeight)
	q.Time = u.time()
	q.ContentLength = u.signed(-1, math.MaxInt64)
	q.URI, q.Verb, q.APIVersion, q.IPAddress, q.TransferEncoding = u.text(), u.text(), u.text(), u.text(), u.text()
	e.UserID, e.CompanyID, e.SubscriptionID, e.SessionToken = u.text(), u.text(), u.text(), u.text()
	e.TransactionID, e.Direction, e.BlockedBy = u.text(), u.text(), u.text()
	q.Headers = r.readHeaders(&u)
	if answered == 1 {
		p := r.response()
		p.Body = answer
		p.Time = u.time()
		p.ContentLength = u.signed(-1, math.MaxInt64)
		p.Status = u.number(maxStatus)
		p.IPAddress, p.TransferEncoding = u.text(), u.text()
		p.Headers = r.readHeaders(&u)
		e.Response = p
	}
	switch {
	case u.broken != "":
		return errors.New(u.broken)
	case u.at < u.end || u.begin < len(u.texts) || answered == 0 && answer != nil:
		return errors.New("something is left over")
	}
	return nil
}

func (r *EventReader) response() *wire.Response {
	if len(r.responses) == 0 {
		r.responses = make([]wire.Response, manyResponses)
	}
	p := &r.responses[0]
	r.responses = r.responses[1:]
	return p
}

func (r *EventReader) readHeaders(u *unpacker) wire.Headers {
	n := u.number((u.end - u.at) / 2) // each has two lengths
	if n == 0 || u.broken != "" {
		return nil
	}
	if n > len(r.headers) {
		r.headers = make([]wire.Header, max(n, manyHeaders))
	}
	hs := r.headers[:n:n]
	r.headers = r.headers[n:]
	for i := range hs {
		hs[i] = wire.Header{Name: u.text(), Value: u.text()}
	}
	return hs
}

// unpacker takes an event apart. What is read after it broke means nothing. It counts
// where it is: to store pieces of what is left costs much while garbage is collected.
type unpacker struct {
	data    []byte
	at, end int // where in data the numbers and lengths are, and behind them what was not cut off yet
	texts   string
	begin   int    // of what is left of texts
	broken  string // what is wrong
}

// number reads one from 0 to most.
func (u *unpacker) number(most int) int {
	if u.at < u.end {
		if n := int(u.data[u.at]); n < 0x80 && n <= most {
			u.at++
			return n
		}
	}
	return u.longNumber(most)
}

func (u *unpacker) longNumber(most int) int {
	n, used := binary.Uvarint(u.data[u.at:u.end])
	if used <= 0 || n > uint64(most) { // #nosec G115 -- most is not negative
		u.broken = "a number is cut or too large"
		return 0
	}
	u.at += used
	return int(n) // #nosec G115 -- at most most
}

func (u *unpacker) signed(least, most int64) int64 {
	n, used := binary.Varint(u.data[u.at:u.end])
	if used <= 0 || n < least || n > most {
		u.broken = "a number is cut, too small or too large"
		return 0
	}
	u.at += used
	return n
}

func (u *unpacker) time() time.Time {
	return time.UnixMicro(u.signed(firstTime, lastTime)).UTC()
}

// text takes the next one, whose length is the next number.
func (u *unpacker) text() string {
	begin := u.begin
	u.begin += u.number(len(u.texts) - begin)
	return u.texts[begin:u.begin]
}

// cut takes the last n bytes, which must be there; nil when n is 0.
func (u *unpacker) cut(n int) []byte {
	if n == 0 {
		return nil
	}
	b := u.data[u.end-n : u.end : u.end]
	u.end -= n
	return b
}
