package events

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

const (
	// maxOffset bounds how far a search can skip; farther one goes with After.
	maxOffset = 10_000
	// maxBodies bounds the bodies of one search's hits, in bytes.
	maxBodies = 64 << 20
)

// Search is a question for events themselves and for aggregates of them.
type Search struct {
	Filter Filter // App is required
	Where  Where
	Hits   Where // what the hits must satisfy besides; not the aggregates
	Sort   Field // request.time when it is the zero Field; a number or a time
	Up     bool  // lowest first
	After  *Place
	Skip   int // 10000 at most
	Limit  int // hits; 1000 at most, 0: only count
	Bodies bool
	Aggs   []Agg
}

// Place is where an event stands in the order of a search.
type Place struct {
	Value any    // of the field: a time.Time or a float64
	ID    string // transaction id; "" is behind all of the value
}

// Found is what a Search finds.
type Found struct {
	Total  int64 // hits altogether
	Events []wire.Event
	Places []Place // of each event
	Aggs   []AggAnswer
}

// Search answers s at one moment. Events without the field they are sorted by come
// last. Errors are ErrQuestion when s cannot be answered.
func (s *Store) Search(ctx context.Context, q Search) (Found, error) {
	var found Found
	base, err := q.Filter.condition()
	if err != nil {
		return found, err
	}
	if q.Limit < 0 || q.Limit > maxPage {
		return found, fmt.Errorf("%w: size: must be from 0 to %d (got %d): get more with search_after", ErrQuestion, maxPage, q.Limit)
	}
	if q.Skip < 0 || q.Skip > maxOffset {
		return found, fmt.Errorf("%w: from: must be from 0 to %d (got %d): get more with search_after", ErrQuestion, maxOffset, q.Skip)
	}
	if err := base.where(q.Where); err != nil {
		return found, err
	}
	hits := base.copy()
	if err := hits.where(q.Hits); err != nil {
		return found, err
	}
	if q.Sort.Name == "" {
		q.Sort = fields["request.time"]
		q.Sort.Name = "request.time"
	}
	if q.Sort.Kind == Text || q.Sort.arg != nil {
		return found, fmt.Errorf("%w: sort: %q cannot be sorted by: use request.time, duration_ms, response.status or weight", ErrQuestion, q.Sort.Name)
	}
	err = s.snapshot(ctx, func(tx *sql.Tx) error {
		err := query(ctx, tx, build("count", nil, hits, nil, nil), func(rows *sql.Rows) error { return rows.Scan(&found.Total) })
		if err != nil {
			return err
		}
		if q.Limit > 0 {
			if err := q.page(ctx, tx, hits, &found); err != nil {
				return err
			}
		}
		budget := maxGroupBuckets
		found.Aggs, err = aggregate(ctx, tx, base, nil, q.Aggs, &budget)
		return err
	})
	if err != nil {
		return Found{}, err
	}
	return found, nil
}

// Count returns how many events there are of f and w.
func (s *Store) Count(ctx context.Context, f Filter, w Where) (int64, error) {
	found, err := s.Search(ctx, Search{Filter: f, Where: w})
	return found.Total, err
}

func (c *condition) where(w Where) error {
	if w == nil {
		return nil
	}
	more, err := w.condition()
	if err != nil {
		return err
	}
	c.and(more.sql, more.args...)
	return nil
}

func (c *condition) copy() condition {
	return condition{c.sql, append([]any(nil), c.args...)}
}

// page reads the hits.
func (q Search) page(ctx context.Context, tx *sql.Tx, c condition, found *Found) error {
	direction, beyond := "DESC", "<"
	if q.Up {
		direction, beyond = "ASC", ">"
	}
	if q.After != nil {
		if err := q.after(&c, beyond); err != nil {
			return err
		}
	}
	order := "(" + q.Sort.sql + ") " + direction + " NULLS LAST, transaction_id " + direction
	marks := map[string]string{"columns": wireColumns, "order": order}
	err := query(ctx, tx, build("search", marks, c, nil, []any{q.Limit, q.Skip}), func(rows *sql.Rows) error {
		e, err := scanEvent(rows)
		found.Events = append(found.Events, e)
		return err
	})
	if err != nil {
		return err
	}
	for i := range found.Events {
		found.Places = append(found.Places, q.place(&found.Events[i]))
	}
	if !q.Bodies || len(found.Events) == 0 {
		return nil
	}
	return addBodiesOfAny(ctx, tx, q.Filter.App, found.Events)
}

// after narrows c to what comes behind q.After.
func (q Search) after(c *condition, beyond string) error {
	sort, mark := "("+q.Sort.sql+")", q.Sort.mark()
	if q.After.Value == nil {
		if q.After.ID != "" {
			c.and("("+sort+" IS NULL AND transaction_id "+beyond+" ?)", text(q.After.ID))
			return nil
		}
		c.and("false")
		return nil
	}
	v, err := q.Sort.value(q.After.Value)
	if err != nil {
		return err
	}
	if q.After.ID == "" {
		c.and("("+sort+" "+beyond+" "+mark+" OR "+sort+" IS NULL)", v)
		return nil
	}
	c.and("("+sort+" "+beyond+" "+mark+" OR ("+sort+" = "+mark+" AND transaction_id "+beyond+" ?) OR "+sort+" IS NULL)", v, v, text(q.After.ID))
	return nil
}

// place tells where an event stands.
func (q Search) place(e *wire.Event) Place {
	p := Place{ID: e.TransactionID}
	switch q.Sort.sql {
	case fields["request.time"].sql:
		p.Value = e.Request.Time
	case fields["weight"].sql:
		p.Value = float64(e.Weight)
	case fields["response.status"].sql:
		if e.Response != nil && e.Response.Status != 0 {
			p.Value = float64(e.Response.Status)
		}
	case fields["duration_ms"].sql:
		if e.Response != nil && !e.Response.Time.IsZero() {
			p.Value = math.Max(0, float64(e.Response.Time.Sub(e.Request.Time).Microseconds())/1000)
		}
	case fields["request.content_length"].sql:
		p.Value = lengthOf(e.Request.ContentLength)
	case fields["response.content_length"].sql:
		if e.Response != nil {
			p.Value = lengthOf(e.Response.ContentLength)
		}
	}
	return p
}

func lengthOf(n int64) any {
	if n < 0 {
		return nil
	}
	return float64(n)
}

// addBodiesOfAny is addBodies for events in any order.
func addBodiesOfAny(ctx context.Context, tx *sql.Tx, app string, list []wire.Event) error {
	oldest, newest := &list[0], &list[0]
	byID := make(map[string]*wire.Event, len(list))
	for i := range list {
		e := &list[i]
		byID[e.TransactionID] = e
		if e.Request.Time.Before(oldest.Request.Time) {
			oldest = e
		}
		if e.Request.Time.After(newest.Request.Time) {
			newest = e
		}
	}
	args := []any{app, oldest.Request.Time.UnixMicro(), newest.Request.Time.UnixMicro()}
	for i := range list {
		args = append(args, list[i].Request.Time.UnixMicro())
	}
	const mark = "make_timestamp(?::BIGINT)"
	marks := map[string]string{"times": strings.Repeat(mark+", ", len(list)-1) + mark}
	return query(ctx, tx, build("bodies", marks, condition{}, args, nil), func(rows *sql.Rows) error {
		if err := scanBodies(rows, byID); err != nil {
			return err
		}
		read := 0
		for i := range list {
			read += len(list[i].Request.Body)
			if list[i].Response != nil {
				read += len(list[i].Response.Body)
			}
		}
		if read > maxBodies {
			return fmt.Errorf("%w: size: the bodies of these hits have more than %d MiB: ask for fewer hits, or with _source false", ErrQuestion, maxBodies>>20)
		}
		return nil
	})
}
