package wire

import (
	"errors"
	"io"
	"unsafe"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

// EventArray reads the events of a JSON array, the body of a batch, one after
// another in one pass. It is not safe for concurrent use.
type EventArray struct {
	r       reader
	started bool
	err     error
}

// NewEventArray returns a reader of data, which must not change while its events
// are in use.
func NewEventArray(data []byte) *EventArray {
	data = validUTF8(data)
	whole := unsafe.String(unsafe.SliceData(data), len(data)) // #nosec G103 -- data does not change
	return &EventArray{r: reader{Scanner: scan.New(data), whole: whole, lent: &Response{}}}
}

// Next reads the next event, as DecodeEvent does. Its strings are parts of data; its
// answer, the lists of headers and the JSON values in it are lent until the next call.
//
// What is malformed is wrong with this event only, and Next goes on behind it. err
// says that there is no event: io.EOF behind the last, scan.ErrNotArray, or why the
// array is broken; what was read before is part of no whole array then.
func (a *EventArray) Next(e *Event) (malformed, err error) {
	if a.err == nil {
		malformed, a.err = a.next(e)
	}
	return malformed, a.err
}

func (a *EventArray) next(e *Event) (malformed, err error) {
	t, err := a.r.Next()
	if err == nil && !a.started {
		a.started = true
		if t.Kind != scan.BeginArray {
			return nil, scan.ErrNotArray
		}
		t, err = a.r.Next()
	}
	if err != nil {
		return nil, err
	}
	if t.Kind == scan.EndArray {
		_, err = a.r.Next() // nothing may follow
		return nil, err
	}
	*e = Event{}
	a.r.headers = a.r.headers[:0]
	malformed = a.r.event(e, t)
	if malformed != nil && (isSyntax(malformed) || errors.Is(malformed, io.EOF)) {
		return nil, malformed
	}
	if malformed == nil {
		return e.missing(), nil
	}
	return malformed, a.r.Leave(1)
}

// newResponse returns the answer of the event that is being read.
func (r *reader) newResponse() *Response {
	if r.lent == nil {
		return &Response{}
	}
	*r.lent = Response{}
	return r.lent
}
