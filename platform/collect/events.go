package collect

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/failpoint"
	"github.com/gatemeter/gatemeter/platform/journal"
	"github.com/google/uuid"
)

const (
	// maxAge is how old an event may be. Ids are remembered for a day longer, so
	// that a duplicate is recognised for as long as it could be accepted.
	maxAge = 30 * 24 * time.Hour
	// Remember is for how long after it happened an item's id is remembered.
	Remember = maxAge + 24*time.Hour
	// maxID bounds a transaction id, in bytes; Moesif's have 36.
	maxID = 256
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

func (c *Collector) event(ctx context.Context, r request) (answer, error) {
	return c.store(ctx, r, journal.Event, &oneEvent{r: r}, true)
}

func (c *Collector) events(ctx context.Context, r request) (answer, error) {
	if err := r.room.take(int64(len(r.body))); err != nil { // the copy that the events' texts are parts of
		return answer{}, err
	}
	return c.store(ctx, r, journal.Event, &manyEvents{r: r, array: wire.NewEventArray(r.body)}, false)
}

func (c *Collector) action(ctx context.Context, r request) (answer, error) {
	return c.store(ctx, r, journal.Action, &actions{r: r, list: [][]byte{r.body}}, true)
}

func (c *Collector) actions(ctx context.Context, r request) (answer, error) {
	list, err := split(r.body)
	if err != nil {
		return answer{}, err
	}
	return c.store(ctx, r, journal.Action, &actions{r: r, list: list}, false)
}

// store puts items into the journal. One bad item does not spoil its batch; a single
// one is answered as it deserves.
func (c *Collector) store(ctx context.Context, r request, kind journal.Kind, sent items, single bool) (answer, error) {
	allowed := sent.count()
	if allowed > 0 {
		if err := c.allow(r.app.ID, allowed); err != nil {
			return answer{}, err
		}
	}
	now := c.Clock()
	batch := journal.Batch{App: r.app.ID, ReceivedAt: now}
	var no answer
	data, err := r.room.get(int64(len(r.body)))
	if err != nil {
		return answer{}, err
	}
	var ends []int // of the entries in data
	withoutID := false
	total, n := 0, 0
	for ; ; n++ {
		more, it, refused, err := sent.next(data, now)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = r.room.grew(data, more)
		}
		if err != nil {
			return answer{}, err
		}
		data = more[:len(data)]
		switch {
		case errors.Is(refused, errTooLarge):
			no.add(n, reasonTooLarge, fmt.Errorf("must have at most %d bytes", maxEvent))
			continue
		case refused != nil && single:
			return answer{}, malformed(refused)
		case refused != nil:
			c.faults.report(c.Logger, now, r.app.ID, kindName(kind), refused)
			no.add(n, reasonMalformed, refused)
			continue
		case it.time.Before(now.Add(-maxAge)):
			no.add(n, reasonTooOld, fmt.Errorf("request.time: must be at most 30 days ago (got %s)", it.time.Format(time.RFC3339)))
			continue
		}
		if total += it.room; total > maxRoom {
			return answer{}, refusal(http.StatusRequestEntityTooLarge,
				fmt.Sprintf("the batch takes more than %d bytes in memory, up to item %d: send fewer items at once", maxRoom, n))
		}
		if err := r.room.take(entryRoom); err != nil {
			return answer{}, err
		}
		withoutID = withoutID || it.id == ""
		batch.Entries = append(batch.Entries, journal.Entry{Kind: kind, ID: it.id, Until: it.time.Add(Remember)})
		data = more
		ends = append(ends, len(data))
	}
	if n == 0 {
		return answer{}, nil
	}
	if allowed == 0 {
		if err := c.allow(r.app.ID, n); err != nil {
			return answer{}, err
		}
	}
	start := 0
	for i, end := range ends {
		batch.Entries[i].Data = data[start:end:end]
		start = end
	}
	// Where a client sends no ids, a batch that comes again byte for byte is the
	// same batch. Single items are never compared: two equal calls in one
	// millisecond are two calls.
	if withoutID && !single {
		batch.Hash = sha256.Sum256(r.body)
	}
	batch.Rejected = no.counts
	failpoint.Hit("collect.read")
	if _, err := c.Journal.Append(ctx, batch); err != nil {
		return answer{}, fmt.Errorf("journal: %w", err) // which may be reading data still
	}
	r.room.put(data)
	failpoint.Hit("collect.appended")
	return no, nil
}

func kindName(k journal.Kind) string {
	if k == journal.Action {
		return "action"
	}
	return "event"
}

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
