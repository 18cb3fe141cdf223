package collect

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
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
}

// readItem makes an item of what a client sent; the errors errTooLarge apart,
// its errors say what is malformed.
type readItem func(r request, sent []byte, now time.Time) (item, error)

var errTooLarge = errors.New("item is too large")

func (c *Collector) event(ctx context.Context, r request) (wire.BatchAnswer, error) {
	return c.store(ctx, r, journal.Event, nil, readEvent)
}

func (c *Collector) events(ctx context.Context, r request) (wire.BatchAnswer, error) {
	items, err := split(r.body)
	if err != nil {
		return wire.BatchAnswer{}, err
	}
	return c.store(ctx, r, journal.Event, items, readEvent)
}

func (c *Collector) action(ctx context.Context, r request) (wire.BatchAnswer, error) {
	return c.store(ctx, r, journal.Action, nil, readAction)
}

func (c *Collector) actions(ctx context.Context, r request) (wire.BatchAnswer, error) {
	items, err := split(r.body)
	if err != nil {
		return wire.BatchAnswer{}, err
	}
	return c.store(ctx, r, journal.Action, items, readAction)
}

// store puts items into the journal; a nil list stands for the one item that the
// whole body is. One bad item does not spoil its batch.
func (c *Collector) store(ctx context.Context, r request, kind journal.Kind, items [][]byte, read readItem) (wire.BatchAnswer, error) {
	single := items == nil
	if single {
		items = [][]byte{r.body}
	}
	if wait := c.Gate.TakeEvents(r.app.ID, len(items)); wait > 0 {
		return wire.BatchAnswer{}, tooFast(wait)
	}
	now := c.Clock()
	batch := journal.Batch{App: r.app.ID, ReceivedAt: now, Entries: make([]journal.Entry, 0, len(items))}
	var no refused
	withoutID := false
	for i, sent := range items {
		it, err := read(r, sent, now)
		switch {
		case errors.Is(err, errTooLarge):
			no.add(i, reasonTooLarge)
			continue
		case err != nil && single:
			return wire.BatchAnswer{}, malformed(err)
		case err != nil:
			c.faults.report(c.Logger, now, r.app.ID, kindName(kind), err)
			no.add(i, reasonMalformed)
			continue
		case it.time.Before(now.Add(-maxAge)):
			no.add(i, reasonTooOld)
			continue
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
	if len(items) == 0 {
		return wire.BatchAnswer{}, nil
	}
	if _, err := c.Journal.Append(ctx, batch); err != nil {
		return wire.BatchAnswer{}, fmt.Errorf("journal: %w", err)
	}
	return no.answer, nil
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
