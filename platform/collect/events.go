package collect

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/failpoint"
	"github.com/gatemeter/gatemeter/platform/journal"
)

const (
	// maxAge is how old an event may be. Ids are remembered for a day longer, so
	// that a duplicate is recognised for as long as it could be accepted.
	maxAge = 30 * 24 * time.Hour
	// Remember is for how long after it happened an item's id is remembered.
	Remember = maxAge + 24*time.Hour
)

func (c *Collector) event(ctx context.Context, r request) (answer, error) {
	return c.store(ctx, r, journal.Event, &oneEvent{r: r}, true)
}

func (c *Collector) events(ctx context.Context, r request) (answer, error) {
	if err := r.room.take(int64(len(r.body))); err != nil { // what replaces a body that is no UTF-8
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
	counted := sent.count()
	if counted > 0 {
		if err := c.allow(r.app.ID, counted); err != nil {
			return answer{}, err
		}
	}
	data, err := r.room.get(int64(len(r.body)))
	if err != nil {
		return answer{}, err
	}
	b := batch{
		Batch:   journal.Batch{App: r.app.ID, ReceivedAt: c.Clock()},
		request: r, kind: kind, single: single, data: data,
	}
	for {
		err := b.take(c, sent)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return answer{}, err
		}
	}
	if b.count == 0 {
		return answer{}, nil
	}
	if counted == 0 {
		if err := c.allow(r.app.ID, b.count); err != nil {
			return answer{}, err
		}
	}
	whole := b.whole()
	r.turn.end() // what is left is to wait for the disk
	failpoint.Hit("collect.read")
	if _, err := c.Journal.Append(ctx, whole); err != nil {
		return answer{}, fmt.Errorf("journal: %w", err) // which may be reading data still
	}
	r.room.put(b.data)
	failpoint.Hit("collect.appended")
	return b.no, nil
}

// batch is what a request brings, while it is read.
type batch struct {
	journal.Batch
	request
	kind   journal.Kind
	single bool

	data      []byte // of all entries
	ends      []int  // of each of them in data
	count     int    // of the items, those that are refused included
	no        answer // tells which are
	withoutID bool   // an item has none
	total     int    // bytes that the entries take in memory where they are read again, about
}

// take takes the next item. The error is io.EOF behind the last, or a problem of the
// whole request.
func (b *batch) take(c *Collector, sent items) error {
	now := b.ReceivedAt
	more, it, refused, err := sent.next(b.data, now)
	if err == nil {
		err = b.room.grew(b.data, more)
	}
	if err != nil {
		return err
	}
	b.data = more[:len(b.data)]
	i := b.count
	b.count++
	switch {
	case errors.Is(refused, errTooLarge):
		b.no.add(i, reasonTooLarge, fmt.Errorf("must have at most %d bytes", maxEvent))
		return nil
	case refused != nil && b.single:
		return malformed(refused)
	case refused != nil:
		c.faults.report(c.Logger, now, b.App, kindName(b.kind), refused)
		b.no.add(i, reasonMalformed, refused)
		return nil
	case it.time.Before(now.Add(-maxAge)):
		b.no.add(i, reasonTooOld, fmt.Errorf("request.time: must be at most 30 days ago (got %s)", it.time.Format(time.RFC3339)))
		return nil
	}
	if b.total += it.room; b.total > maxRoom {
		return refusal(http.StatusRequestEntityTooLarge,
			fmt.Sprintf("the batch takes more than %d bytes in memory, up to item %d: send fewer items at once", maxRoom, i))
	}
	if err := b.room.take(entryRoom); err != nil {
		return err
	}
	b.withoutID = b.withoutID || it.id == ""
	b.Entries = append(b.Entries, journal.Entry{Kind: b.kind, ID: it.id, Until: it.time.Add(Remember)})
	b.data = more
	b.ends = append(b.ends, len(more))
	return nil
}

// whole returns what the journal gets, when all items are taken.
func (b *batch) whole() journal.Batch {
	start := 0
	for i, end := range b.ends {
		b.Entries[i].Data = b.data[start:end:end]
		start = end
	}
	// Where a client sends no ids, a batch that comes again byte for byte is the
	// same batch. Single items are never compared: two equal calls in one
	// millisecond are two calls.
	if b.withoutID && !b.single {
		b.Hash = sha256.Sum256(b.body)
	}
	b.Rejected = b.no.counts
	return b.Batch
}

func kindName(k journal.Kind) string {
	if k == journal.Action {
		return "action"
	}
	return "event"
}
