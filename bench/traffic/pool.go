package traffic

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Pool holds made-up calls, so that sending millions of them costs a load
// generator little: each time an event is taken it gets a new id and new times.
// It may be read by several goroutines.
type Pool struct{ stamps []stamp }

// stamp is an event on the wire, and where in it what changes stands.
type stamp struct {
	document             []byte
	requested, responded int // of the times
	id                   int
	took                 time.Duration
}

const timeForm = "2006-01-02T15:04:05.000000" // what is before the Z

// NewPool makes n calls.
func NewPool(seed uint64, n int) *Pool {
	calls := New(seed)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := &Pool{stamps: make([]stamp, n)}
	for i := range p.stamps {
		e := calls.Event(at)
		s := stamp{document: wire.AppendEvent(nil, &e), took: e.Response.Time.Sub(at)}
		s.requested = bytes.Index(s.document, []byte(at.Format(timeForm)))
		s.responded = bytes.Index(s.document, []byte(`"response":{"time":"`)) + len(`"response":{"time":"`)
		s.id = bytes.Index(s.document, []byte(e.TransactionID))
		p.stamps[i] = s
	}
	return p
}

// Append appends one of the calls, as a JSON object, made at the given time. Its id
// begins with the time, as the gateway's do (UUIDv7), or is random, as those of SDKs.
func (p *Pool) Append(dst []byte, r *rand.Rand, at time.Time, ordered bool) []byte {
	s := &p.stamps[r.IntN(len(p.stamps))]
	begin := len(dst)
	dst = append(dst, s.document...)
	document := dst[begin:]
	var text [40]byte // formatting writes further than it says
	copy(document[s.requested:], at.AppendFormat(text[:0], timeForm))
	copy(document[s.responded:], at.Add(s.took).AppendFormat(text[:0], timeForm))
	putID(document[s.id:], r, at, ordered)
	return dst
}

// putID writes a UUIDv7 of that time, or a UUIDv4 (RFC 9562), over 36 bytes.
func putID(dst []byte, r *rand.Rand, at time.Time, ordered bool) {
	var id [16]byte
	begin := r.Uint64()&^0xf000 | 0x4000
	if ordered {
		begin = uint64(at.UnixMilli())<<16 | 0x7000 | uint64(r.IntN(1<<12)) // #nosec G115 -- after 1970
	}
	binary.BigEndian.PutUint64(id[:], begin)
	binary.BigEndian.PutUint64(id[8:], r.Uint64()&^(3<<62)|1<<63)
	hex.Encode(dst, id[:4])
	hex.Encode(dst[9:], id[4:6])
	hex.Encode(dst[14:], id[6:8])
	hex.Encode(dst[19:], id[8:10])
	hex.Encode(dst[24:], id[10:])
	dst[8], dst[13], dst[18], dst[23] = '-', '-', '-', '-'
}

// ID is a UUIDv7 of that time.
func ID(r *rand.Rand, at time.Time) string {
	var id [36]byte
	putID(id[:], r, at, true)
	return string(id[:])
}
