package events

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

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
	Sort   Field // request.time when it is the zero Field; a number, a time, or free
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
	if q.Sort, err = q.Sort.sortable(); err != nil {
		return found, err
	}
	err = s.snapshot(ctx, func(tx *sql.Tx) error {
		err := query(ctx, tx, q.Filter.tables(hits.body).build("count", nil, hits, nil, nil), func(rows *sql.Rows) error { return rows.Scan(&found.Total) })
		if err != nil {
			return err
		}
		if q.Limit > 0 {
			if err := q.page(ctx, tx, hits, &found); err != nil {
				return err
			}
		}
		budget := maxGroupBuckets
		found.Aggs, err = aggregation{tx, q.Filter, base, &budget}.answer(ctx, q.Aggs)
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
	c.body = c.body || more.body
	return nil
}

func (c *condition) copy() condition {
	return condition{c.sql, slices.Clone(c.args), c.body}
}

// tables are what a search reads: events e, and their bodies b where it asks about these.
type tables struct {
	sql  string
	args []any
}

func (f Filter) tables(bodies bool) tables {
	if !bodies {
		return tables{sql: "events AS e"}
	}
	// Its error is that of the search's own condition, which has more.
	within, _ := Filter{App: f.App, From: f.From, To: f.To}.condition()
	return tables(build("search_bodies", nil, within, nil, nil))
}

// build is the function build for a statement with the mark {tables}, which stands
// before {where}.
func (t tables) build(name string, marks map[string]string, c condition, before, after []any) question {
	all := map[string]string{"tables": t.sql}
	maps.Copy(all, marks)
	return build(name, all, c, slices.Concat(before, t.args), after)
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
	f := q.Sort.field
	marks := map[string]string{"columns": wireColumns, "sort": "(" + f.sql + ")", "direction": direction}
	from := q.Filter.tables(c.body || f.body)
	err := query(ctx, tx, from.build("search", marks, c, f.args, []any{q.Limit, q.Skip}), func(rows *sql.Rows) error {
		var sorted any
		e, err := scanEvent(rows, &sorted)
		found.Events = append(found.Events, e)
		found.Places = append(found.Places, Place{Value: sortValue(sorted), ID: e.TransactionID})
		return err
	})
	if err != nil || !q.Bodies || len(found.Events) == 0 {
		return err
	}
	with, err := addBodies(ctx, tx, q.Filter.App, found.Events, maxBodies)
	if err == nil && with < len(found.Events) {
		err = fmt.Errorf("%w: size: the bodies of these hits have more than %d MiB: ask for fewer hits, or with _source false", ErrQuestion, maxBodies>>20)
	}
	return err
}

// after narrows c to what comes behind q.After.
func (q Search) after(c *condition, beyond string) error {
	sort, mark, args := "("+q.Sort.field.sql+")", q.Sort.mark(), q.Sort.field.args
	c.body = c.body || q.Sort.field.body
	if q.After.Value == nil {
		if q.After.ID != "" {
			c.about(q.Sort.field, "("+sort+" IS NULL AND e.transaction_id "+beyond+" ?)", text(q.After.ID))
			return nil
		}
		c.and("false")
		return nil
	}
	v, err := q.Sort.value(q.After.Value)
	if err != nil {
		return err
	}
	further := []any{v}
	tie := ""
	if q.After.ID != "" {
		tie = " OR (" + sort + " = " + mark + " AND e.transaction_id " + beyond + " ?)"
		further = slices.Concat(further, args, []any{v, text(q.After.ID)})
	}
	c.about(q.Sort.field, "("+sort+" "+beyond+" "+mark+tie+" OR "+sort+" IS NULL)", append(further, args...)...)
	return nil
}

// sortValue is the value of a hit's place.
func sortValue(v any) any {
	if at, ok := v.(time.Time); ok {
		return at.UTC()
	}
	if n, ok := number(v); ok {
		return n
	}
	return nil
}
