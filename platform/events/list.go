package events

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
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
// than 1000, or with more than 16 MiB of bodies, are cut to that.
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
	f.To = end
	err = s.snapshot(ctx, func(tx *sql.Tx) error {
		found, err := f.newest(ctx, tx, behind, limit+1)
		if err != nil {
			return err
		}
		if events, err = f.read(ctx, tx, found, p.Brief); err != nil {
			return err
		}
		if len(events) > limit {
			events = events[:limit]
			next = cursorAt(&events[limit-1])
		}
		if p.Brief || !p.Bodies {
			return nil
		}
		with, err := addBodies(ctx, tx, f.App, events, maxPageBodies)
		if err == nil && with < len(events) {
			events = events[:with]
			next = cursorAt(&events[with-1])
		}
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return events, next, nil
}

// spot is where an event is within a snapshot.
type spot struct {
	time int64 // in µs
	row  int64
}

// newest finds the newest events of f that are behind a cursor, and all that were
// found of the time of the last one: only their ids say which of them come first.
func (f Filter) newest(ctx context.Context, tx *sql.Tx, behind condition, limit int) ([]spot, error) {
	tail, rolled, err := f.tail(ctx, tx, behind, limit)
	if err != nil {
		return nil, err
	}
	if len(tail) == limit {
		f.From = time.UnixMicro(tail[limit-1].time).UTC() // what is older is on no page with these
	}
	found := tail
	err = f.windows(ctx, tx, f.To, limit, func(w window) (int, error) {
		c, err := w.in(f).rowCondition()
		if err != nil {
			return 0, err
		}
		c.and(behind.sql, behind.args...)
		c.and("seq <= ?", rolled)
		c.and(w.condition.sql, w.condition.args...)
		more, err := findRows(ctx, tx, c, limit-(len(found)-len(tail)))
		found = append(found, more...)
		return limit - (len(found) - len(tail)), err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b spot) int { return cmp.Compare(b.time, a.time) })
	n := min(len(found), limit)
	for n > 0 && n < len(found) && found[n].time == found[n-1].time {
		n++
	}
	return found[:n], nil
}

// tail finds what is not rolled up, and returns how far that begins.
func (f Filter) tail(ctx context.Context, tx *sql.Tx, behind condition, limit int) (found []spot, rolled int64, err error) {
	var position int64
	err = query(ctx, tx, question{sql: statement("reach")}, func(rows *sql.Rows) error { return rows.Scan(&position, &rolled) })
	if err != nil || position == rolled {
		return nil, rolled, err
	}
	c, err := f.rowCondition()
	if err != nil {
		return nil, 0, err
	}
	c.and(behind.sql, behind.args...)
	c.and("seq > ?", rolled)
	found, err = findRows(ctx, tx, c, limit)
	return found, rolled, err
}

// rowCondition is condition for the table of events, with a user's number in the place of the id.
func (f Filter) rowCondition() (condition, error) {
	user := f.UserID
	f.UserID = ""
	c, err := f.condition()
	if user != "" {
		c.and("user_key = ?", userKey(text(f.App), text(user)))
	}
	return c, err
}

// findRows returns the newest rows that satisfy c: to read the id of each as well
// takes as long as to find it, and only those of the same time are told apart by it.
func findRows(ctx context.Context, tx *sql.Tx, c condition, limit int) ([]spot, error) {
	found, err := findBy(ctx, tx, "find", c, limit+1)
	if err != nil || len(found) <= limit {
		return found, err
	}
	last := found[limit].time
	newer := slices.IndexFunc(found, func(p spot) bool { return p.time == last })
	if newer == limit {
		return found[:limit], nil
	}
	c.and("time = make_timestamp(?::BIGINT)", last)
	same, err := findBy(ctx, tx, "find_same", c, limit-newer)
	return append(found[:newer], same...), err
}

func findBy(ctx context.Context, tx *sql.Tx, statement string, c condition, limit int) (found []spot, err error) {
	err = query(ctx, tx, build(statement, nil, c, nil, []any{limit}), func(rows *sql.Rows) error {
		var p spot
		if err := rows.Scan(&p.time, &p.row); err != nil {
			return fmt.Errorf("find events: %w", err)
		}
		found = append(found, p)
		return nil
	})
	return found, err
}

// read reads the events that were found of f, without bodies, newest first; brief
// reads only what a list shows.
func (f Filter) read(ctx context.Context, tx *sql.Tx, found []spot, brief bool) (events []wire.Event, err error) {
	if len(found) == 0 {
		return nil, nil
	}
	args := make([]any, len(found))
	for i := range found {
		args[i] = found[i].row
	}
	marks := map[string]string{"columns": f.columns(brief), "rows": strings.Repeat("?, ", len(found)-1) + "?"}
	err = query(ctx, tx, build("list", marks, condition{}, args, nil), func(rows *sql.Rows) error {
		var identity, refused nullText
		e, err := scanEvent(rows, &identity, &refused)
		if err == nil && (identity != "" || refused != "") {
			e.Metadata, err = json.Marshal(map[string]wire.Gatemeter{"gatemeter": {Identity: string(identity), Refused: string(refused)}})
		}
		if f.UserID != "" {
			e.UserID = f.UserID
		}
		events = append(events, e)
		return err
	})
	return events, err
}

// Get returns one event with its bodies, or ErrNotFound.
func (s *Store) Get(ctx context.Context, app, transactionID string) (wire.Event, error) {
	f := Filter{App: app}
	if _, err := f.condition(); err != nil {
		return wire.Event{}, err
	}
	var events []wire.Event
	err := s.snapshot(ctx, func(tx *sql.Tx) error {
		for _, w := range likely(transactionID) {
			c, err := w.in(f).condition()
			if err != nil {
				return err
			}
			c.and("transaction_id = ?", transactionID)
			found, err := findRows(ctx, tx, c, 1)
			if err != nil {
				return err
			}
			if events, err = f.read(ctx, tx, found, false); err != nil {
				return err
			}
			if len(events) > 0 {
				break
			}
		}
		_, err := addBodies(ctx, tx, app, events, maxPageBodies)
		return err
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
