package events

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

const (
	defaultPage = 100
	maxPage     = 1000
)

// List returns the events that f selects, newest first, and the cursor of the
// next page; "" is the end. Events of the same time are in the order of their
// transaction ids, so that paging neither misses nor repeats one. Pages longer
// than 1000 are cut to that.
func (s *Store) List(ctx context.Context, f Filter, p Page) (events []wire.Event, next string, err error) {
	c, err := f.condition()
	if err != nil {
		return nil, "", err
	}
	if err := p.condition(&c); err != nil {
		return nil, "", err
	}
	limit := p.Limit
	if limit == 0 {
		limit = defaultPage
	}
	limit = min(limit, maxPage)
	q := build("list", map[string]string{"columns": wireColumns}, c, nil, []any{limit + 1})
	err = s.snapshot(ctx, func(tx *sql.Tx) error {
		err := query(ctx, tx, q, func(rows *sql.Rows) error {
			e, err := scanEvent(rows)
			events = append(events, e)
			return err
		})
		if err != nil {
			return err
		}
		if len(events) > limit {
			events = events[:limit]
			next = cursorAt(&events[limit-1])
		}
		if !p.Bodies {
			return nil
		}
		return addBodies(ctx, tx, f.App, events)
	})
	if err != nil {
		return nil, "", err
	}
	return events, next, nil
}

// Get returns one event with its bodies, or ErrNotFound.
func (s *Store) Get(ctx context.Context, app, transactionID string) (wire.Event, error) {
	c, err := Filter{App: app}.condition()
	if err != nil {
		return wire.Event{}, err
	}
	c.and("transaction_id = ?", transactionID)
	q := build("list", map[string]string{"columns": wireColumns}, c, nil, []any{1})
	var events []wire.Event
	err = s.snapshot(ctx, func(tx *sql.Tx) error {
		err := query(ctx, tx, q, func(rows *sql.Rows) error {
			e, err := scanEvent(rows)
			events = append(events, e)
			return err
		})
		if err != nil {
			return err
		}
		return addBodies(ctx, tx, app, events)
	})
	if err != nil {
		return wire.Event{}, err
	}
	if len(events) == 0 {
		return wire.Event{}, fmt.Errorf("%w: transaction_id %q", ErrNotFound, transactionID)
	}
	return events[0], nil
}

// addBodies reads the bodies of events, which are newest first.
func addBodies(ctx context.Context, tx *sql.Tx, app string, events []wire.Event) error {
	if len(events) == 0 {
		return nil
	}
	byID := make(map[string]*wire.Event, len(events))
	newest, oldest := events[0].Request.Time, events[len(events)-1].Request.Time
	args := []any{app, oldest.UnixMicro(), newest.UnixMicro()}
	for i := range events {
		byID[events[i].TransactionID] = &events[i]
		args = append(args, events[i].TransactionID)
	}
	marks := map[string]string{"ids": strings.Repeat("?, ", len(events)-1) + "?"}
	q := build("bodies", marks, condition{}, args, nil)
	return query(ctx, tx, q, func(rows *sql.Rows) error { return scanBodies(rows, byID) })
}

// cursorAt points behind e.
func cursorAt(e *wire.Event) string {
	at := strconv.FormatInt(e.Request.Time.UnixMicro(), 10) + ":" + e.TransactionID
	return base64.RawURLEncoding.EncodeToString([]byte(at))
}

func (p Page) condition(c *condition) error {
	if p.Limit < 0 {
		return fmt.Errorf("%w: limit: must not be negative (got %d)", ErrQuestion, p.Limit)
	}
	if p.Cursor == "" {
		return nil
	}
	at, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	micros, id, ok := strings.Cut(string(at), ":")
	us, numberErr := strconv.ParseInt(micros, 10, 64)
	if err != nil || !ok || numberErr != nil || us < minMicros || us > maxMicros {
		return fmt.Errorf("%w: cursor: not one that a list has returned (got %q)", ErrQuestion, p.Cursor)
	}
	c.and("time <= make_timestamp(?::BIGINT) AND (time < make_timestamp(?::BIGINT) OR transaction_id < ?)", us, us, text(id))
	return nil
}

// What a timestamp can be: the years 1 to 9999.
var (
	minMicros = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	maxMicros = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
)
