package collect

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/google/uuid"
)

// item is an event or an action that was read and is fit to be stored.
type item struct {
	id   string // "" when the client sent none
	time time.Time
	room int // bytes that it takes in memory where it is read again, about
}

// items gives those of a request, one after another.
type items interface {
	// next appends the next one to dst, as the journal keeps it. It is not stored
	// for what is refused: errTooLarge, or what is malformed. err is io.EOF behind the
	// last, or a problem of the whole request.
	next(dst []byte, now time.Time) (data []byte, it item, refused, err error)
	// count is how many there are; 0 says that this is known behind the last only.
	count() int
}

// What things take in memory besides their bytes, about: an entry of the journal, an
// event that is read, and each of its headers.
const (
	entryRoom  = 256
	itemRoom   = 800
	headerRoom = 48
)

var errTooLarge = errors.New("item is too large")

// maxID bounds a transaction id, in bytes; Moesif's have 36.
const maxID = 256

// manyEvents are those of a batch.
type manyEvents struct {
	r     request
	array *wire.EventArray
	event wire.Event
	read  int
}

func (m *manyEvents) count() int { return 0 }

func (m *manyEvents) next(dst []byte, _ time.Time) ([]byte, item, error, error) {
	malformed, err := m.array.Next(&m.event)
	if errors.Is(err, io.EOF) {
		return dst, item{}, nil, err
	}
	if m.read++; err != nil || m.read > maxItems {
		_, why := split(m.r.body)
		return dst, item{}, nil, cmp.Or(why, err)
	}
	if malformed != nil {
		return dst, item{}, malformed, nil
	}
	dst, it, refused := packEvent(dst, m.r, &m.event)
	return dst, it, refused, nil
}

// oneEvent is the event that a whole body is.
type oneEvent struct {
	r    request
	done bool
}

func (o *oneEvent) count() int { return 1 }

func (o *oneEvent) next(dst []byte, _ time.Time) ([]byte, item, error, error) {
	if o.done {
		return dst, item{}, nil, io.EOF
	}
	o.done = true
	e, err := wire.DecodeEvent(o.r.body)
	if err != nil {
		return dst, item{}, err, nil
	}
	dst, it, refused := packEvent(dst, o.r, &e)
	return dst, it, refused, nil
}

func packEvent(dst []byte, r request, e *wire.Event) (data []byte, it item, err error) {
	it = item{id: e.TransactionID, time: e.Request.Time}
	if e.TransactionID, err = transactionID(it.id); err != nil {
		return dst, item{}, err
	}
	if e.Request.IPAddress == "" {
		e.Request.IPAddress = r.remote // Moesif wire, 2.2
	}
	headers := len(e.Request.Headers)
	if e.Response != nil {
		headers += len(e.Response.Headers)
	}
	if data, err = appendEvent(dst, e); err != nil {
		return dst, item{}, err
	}
	size := len(data) - len(dst)
	it.room = size + (size - rawBytes(e)) + itemRoom + headers*headerRoom // texts are copied
	return data, it, nil
}

// actions are those of a request.
type actions struct {
	r    request
	list [][]byte
}

func (a *actions) count() int { return len(a.list) }

func (a *actions) next(dst []byte, now time.Time) ([]byte, item, error, error) {
	if len(a.list) == 0 {
		return dst, item{}, nil, io.EOF
	}
	sent := a.list[0]
	a.list = a.list[1:]
	data, it, refused := packAction(dst, a.r, sent, now)
	return data, it, refused, nil
}

func packAction(dst []byte, r request, sent []byte, now time.Time) ([]byte, item, error) {
	a, err := wire.DecodeAction(sent)
	if err != nil {
		return dst, item{}, err
	}
	it := item{id: a.TransactionID}
	if a.TransactionID, err = transactionID(it.id); err != nil {
		return dst, item{}, err
	}
	if a.Request.Time.IsZero() {
		a.Request.Time = now.UTC().Truncate(time.Microsecond)
	}
	it.time = a.Request.Time
	if a.Request.IPAddress == "" {
		a.Request.IPAddress = r.remote
	}
	data, err := json.Marshal(a)
	if err == nil && len(data) > maxEvent {
		err = errTooLarge
	}
	it.room = len(data) + itemRoom
	return append(dst, data...), it, err
}

// transactionID returns the id a client sent, or a new one (UUIDv7).
func transactionID(sent string) (string, error) {
	if len(sent) > maxID {
		return "", fmt.Errorf("transaction_id: must have at most %d bytes (got %d)", maxID, len(sent))
	}
	if sent != "" {
		return sent, nil
	}
	id, err := uuid.NewV7()
	return id.String(), err
}
