package collect

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
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
	data []byte // wire JSON
	room int    // bytes that it takes in memory where it is read again, about
}

// readItem makes an item of what a client sent; the errors errTooLarge apart,
// its errors say what is malformed.
type readItem func(r request, sent []byte, now time.Time) (item, error)

// What things take in memory besides their bytes, about: an entry of the journal, an
// event that is read, and each of its headers.
const (
	entryRoom  = 256
	itemRoom   = 800
	headerRoom = 48
)

var errTooLarge = errors.New("item is too large")

func (c *Collector) event(ctx context.Context, r request) (answer, error) {
	return c.store(ctx, r, journal.Event, nil, readEvent)
}

func (c *Collector) events(ctx context.Context, r request) (answer, error) {
	items, err := split(r.body)
	if err != nil {
		return answer{}, err
	}
	return c.store(ctx, r, journal.Event, items, readEvent)
}

func (c *Collector) action(ctx context.Context, r request) (answer, error) {
	return c.store(ctx, r, journal.Action, nil, readAction)
}

func (c *Collector) actions(ctx context.Context, r request) (answer, error) {
	items, err := split(r.body)
	if err != nil {
		return answer{}, err
	}
	return c.store(ctx, r, journal.Action, items, readAction)
}

// store puts items into the journal; a nil list stands for the one item that the
// whole body is. One bad item does not spoil its batch.
func (c *Collector) store(ctx context.Context, r request, kind journal.Kind, items [][]byte, read readItem) (answer, error) {
	single := items == nil
	if single {
		items = [][]byte{r.body}
	}
	if len(items) == 0 {
		return answer{}, nil
	}
	if err := c.allow(r.app.ID, len(items)); err != nil {
		return answer{}, err
	}
	now := c.Clock()
	batch := journal.Batch{App: r.app.ID, ReceivedAt: now, Entries: make([]journal.Entry, 0, len(items))}
	var no answer
	withoutID := false
	total := 0
	for i, sent := range items {
		it, err := read(r, sent, now)
		switch {
		case errors.Is(err, errTooLarge):
			no.add(i, reasonTooLarge, fmt.Errorf("must have at most %d bytes", maxEvent))
			continue
		case err != nil && single:
			return answer{}, malformed(err)
		case err != nil:
			c.faults.report(c.Logger, now, r.app.ID, kindName(kind), err)
			no.add(i, reasonMalformed, err)
			continue
		case it.time.Before(now.Add(-maxAge)):
			no.add(i, reasonTooOld, fmt.Errorf("request.time: must be at most 30 days ago (got %s)", it.time.Format(time.RFC3339)))
			continue
		}
		if total += it.room; total > maxRoom {
			return answer{}, refusal(http.StatusRequestEntityTooLarge,
				fmt.Sprintf("the batch takes more than %d bytes in memory, up to item %d of %d: send fewer items at once", maxRoom, i, len(items)))
		}
		if err := r.room.take(int64(cap(it.data) + entryRoom)); err != nil {
			return answer{}, err
		}
		withoutID = withoutID || it.id == ""
		batch.Entries = append(batch.Entries, journal.Entry{Kind: kind, ID: it.id, Until: it.time.Add(Remember), Data: it.data})
	}
	// Where a client sends no ids, a batch that comes again byte for byte is the
	// same batch. Single items are never compared: two equal calls in one
	// millisecond are two calls.
	if withoutID && !single {
		batch.Hash = sha256.Sum256(r.body)
	}
	batch.Rejected = no.counts
	r.turn.end() // what is left is to wait for the disk
	failpoint.Hit("collect.read")
	if _, err := c.Journal.Append(ctx, batch); err != nil {
		return answer{}, fmt.Errorf("journal: %w", err)
	}
	failpoint.Hit("collect.appended")
	return no, nil
}

func kindName(k journal.Kind) string {
	if k == journal.Action {
		return "action"
	}
	return "event"
}

func readEvent(r request, sent []byte, _ time.Time) (item, error) {
	e, err := wire.DecodeEvent(sent)
	if err != nil {
		return item{}, err
	}
	it := item{id: e.TransactionID, time: e.Request.Time}
	if e.TransactionID, err = transactionID(it.id); err != nil {
		return item{}, err
	}
	if e.Request.IPAddress == "" {
		e.Request.IPAddress = r.remote // Moesif wire, 2.2
	}
	it.data, err = encodeEvent(&e, len(sent))
	headers := len(e.Request.Headers)
	if e.Response != nil {
		headers += len(e.Response.Headers)
	}
	it.room = len(it.data) + itemRoom + headers*headerRoom
	return it, err
}

func readAction(r request, sent []byte, now time.Time) (item, error) {
	a, err := wire.DecodeAction(sent)
	if err != nil {
		return item{}, err
	}
	it := item{id: a.TransactionID}
	if a.TransactionID, err = transactionID(it.id); err != nil {
		return item{}, err
	}
	if a.Request.Time.IsZero() {
		a.Request.Time = now.UTC().Truncate(time.Microsecond)
	}
	it.time = a.Request.Time
	if a.Request.IPAddress == "" {
		a.Request.IPAddress = r.remote
	}
	if it.data, err = json.Marshal(a); err == nil && len(it.data) > maxEvent {
		err = errTooLarge
	}
	it.room = len(it.data) + itemRoom
	return it, err
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
