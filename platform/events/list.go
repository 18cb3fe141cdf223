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
	"github.com/google/uuid"
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
	if _, err := f.condition(); err != nil {
		return nil, "", err
	}
	behind, end, err := p.behind()
	if err != nil {
		return nil, "", err
	}
	if end.IsZero() || !f.To.IsZero() && f.To.Before(end) {
		end = f.To
	}
	limit := p.Limit
	if limit == 0 {
		limit = defaultPage
	}
	limit = min(limit, maxPage)
	columns := wireColumns
	if p.Brief {
		columns = briefColumns
	}
	err = s.snapshot(ctx, func(tx *sql.Tx) error {
		rolled, err := readRolled(ctx, tx)
		if err != nil {
			return err
		}
		err = f.windows(ctx, tx, end, limit+1, func(w window) (int, error) {
			c, err := w.in(f).condition()
			if err != nil {
				return 0, err
			}
			c.and(behind.sql, behind.args...)
			if w.tail {
				c.and("seq > ?", rolled)
			}
			more, err := list(ctx, tx, columns, c, limit+1-len(events))
			events = append(events, more...)
			return limit + 1 - len(events), err
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

// list returns the newest rows that satisfy c, without bodies. The columns are
// wireColumns or briefColumns.
func list(ctx context.Context, tx *sql.Tx, columns string, c condition, limit int) (events []wire.Event, err error) {
	q := build("list", map[string]string{"columns": columns}, c, nil, []any{limit})
	err = query(ctx, tx, q, func(rows *sql.Rows) error {
		e, err := scanEvent(rows)
		events = append(events, e)
		return err
	})
	return events, err
}

// Get returns one event with its bodies, or ErrNotFound.
func (s *Store) Get(ctx context.Context, app, transactionID string) (wire.Event, error) {
	if _, err := (Filter{App: app}).condition(); err != nil {
		return wire.Event{}, err
	}
	var events []wire.Event
	err := s.snapshot(ctx, func(tx *sql.Tx) error {
		for _, w := range likely(transactionID) {
			c, err := w.in(Filter{App: app}).condition()
			if err != nil {
				return err
			}
			c.and("transaction_id = ?", transactionID)
			if events, err = list(ctx, tx, wireColumns, c, 1); err != nil {
				return err
			}
			if len(events) > 0 {
				break
			}
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

// likely says when an event may have happened: about when its id was made, if
// the id tells (RFC 9562, 5.7), or else at any time.
func likely(transactionID string) []window {
	id, err := uuid.Parse(transactionID)
	if err != nil || id.Version() != 7 {
		return []window{{}}
	}
	at := time.Unix(id.Time().UnixTime()).UTC()
	return []window{{begin: at.Add(-maxAhead), end: at.Add(maxAhead)}, {}}
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
		args = append(args, events[i].Request.Time.UnixMicro())
	}
	const mark = "make_timestamp(?::BIGINT)"
	marks := map[string]string{"times": strings.Repeat(mark+", ", len(events)-1) + mark}
	q := build("bodies", marks, condition{}, args, nil)
	return query(ctx, tx, q, func(rows *sql.Rows) error { return scanBodies(rows, byID) })
}

// cursorAt points behind e.
func cursorAt(e *wire.Event) string {
	at := strconv.FormatInt(e.Request.Time.UnixMicro(), 10) + ":" + e.TransactionID
	return base64.RawURLEncoding.EncodeToString([]byte(at))
}

// behind is what is behind the cursor, and not later than end. Both are empty on
// the first page.
func (p Page) behind() (c condition, end time.Time, err error) {
	if p.Limit < 0 {
		return c, end, fmt.Errorf("%w: limit: must not be negative (got %d)", ErrQuestion, p.Limit)
	}
	if p.Cursor == "" {
		return c, end, nil
	}
	at, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	micros, id, ok := strings.Cut(string(at), ":")
	us, numberErr := strconv.ParseInt(micros, 10, 64)
	if err != nil || !ok || numberErr != nil || us < minMicros || us > maxMicros {
		return c, end, fmt.Errorf("%w: cursor: not one that a list has returned (got %q)", ErrQuestion, p.Cursor)
	}
	c.and("(time < make_timestamp(?::BIGINT) OR transaction_id < ?)", us, text(id))
	return c, time.UnixMicro(us + 1).UTC(), nil
}

// What a timestamp can be: the years 1 to 9999.
var (
	minMicros = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	maxMicros = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
)
