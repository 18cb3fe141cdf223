package events

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// MaxBehaviours bounds how many selections of calls one question may have.
const MaxBehaviours = 20

// Behaviour selects calls of which Behave tells what each customer made of them.
// The zero value selects all.
type Behaviour struct {
	From     time.Time // inclusive; zero: ever
	Routes   []string  // patterns of endpoints: one of them; none: any
	Verbs    []string  // in any case
	Statuses []string  // "404", or "4xx" for a class
}

// Behaved is what a customer made of one selection.
type Behaved struct {
	Events      int64     // stored events
	Calls       int64     // Σ weight
	Errors      int64     // Σ weight where status >= 400 or there was no answer
	First, Last time.Time // UTC; zero without events
}

// Behave tells of the users or companies (by is ByUser or ByCompany) of an
// application what each made of every selection, in the order of selections: of
// all who made calls since the earliest From, so that some may have nothing. It
// is one pass over the events, in no order of customers; calls without an id are
// nobody's. each must not keep the slice.
func (s *Store) Behave(ctx context.Context, app, by string, selections []Behaviour, each func(id string, of []Behaved) error) error {
	if by != ByUser && by != ByCompany {
		return fmt.Errorf("%w: by: must be user or company (got %q)", ErrQuestion, by)
	}
	if n := len(selections); n == 0 || n > MaxBehaviours {
		return fmt.Errorf("%w: selections: there must be 1 to %d (got %d)", ErrQuestion, MaxBehaviours, n)
	}
	q, err := behaviour(app, by, selections)
	if err != nil {
		return err
	}
	of := make([]Behaved, len(selections))
	var id string
	first, last := make([]sql.NullInt64, len(selections)), make([]sql.NullInt64, len(selections))
	into := []any{&id}
	for i := range of {
		into = append(into, &of[i].Events, &of[i].Calls, &of[i].Errors, &first[i], &last[i])
	}
	return s.ask(ctx, q, func(rows *sql.Rows) error {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("read behaviour: %w", err)
		}
		for i := range of {
			of[i].First, of[i].Last = nullTime(first[i]), nullTime(last[i])
		}
		return each(id, of)
	})
}

func behaviour(app, by string, selections []Behaviour) (question, error) {
	if app == "" {
		return question{}, fmt.Errorf("%w: app: must not be empty", ErrQuestion)
	}
	selected, measured := make([]string, len(selections)), make([]string, len(selections))
	var before []any
	oldest := selections[0].From
	for i, b := range selections {
		c, err := b.condition()
		if err != nil {
			return question{}, err
		}
		if b.From.Before(oldest) { // the zero time is before all others
			oldest = b.From
		}
		before = append(before, c.args...)
		selected[i] = fmt.Sprintf("(%s) AS s%d", c.sql, i)
		measured[i] = strings.ReplaceAll("count(*) FILTER (WHERE s#)"+
			", coalesce(sum(weight) FILTER (WHERE s#), 0)::BIGINT"+
			", coalesce(sum(weight) FILTER (WHERE s# AND failed), 0)::BIGINT"+
			", epoch_us(min(time) FILTER (WHERE s#)), epoch_us(max(time) FILTER (WHERE s#))", "#", fmt.Sprint(i))
	}
	where, err := Filter{App: app, From: oldest}.condition()
	if err != nil {
		return question{}, err
	}
	marks := map[string]string{
		"key": keyColumns[by], "selected": strings.Join(selected, ", "), "measured": strings.Join(measured, ", "),
	}
	return build("behaviour", marks, where, before, nil), nil
}

func (b Behaviour) condition() (condition, error) {
	c := condition{sql: "TRUE"}
	if !b.From.IsZero() {
		c.and("time >= make_timestamp(?::BIGINT)", micros(b.From))
	}
	c.oneOf("coalesce(route, '')", b.Routes)
	verbs := make([]string, len(b.Verbs))
	for i, v := range b.Verbs {
		verbs[i] = strings.ToUpper(v)
	}
	c.oneOf("verb", verbs)
	if len(b.Statuses) == 0 {
		return c, nil
	}
	parts := make([]string, len(b.Statuses))
	for i, s := range b.Statuses {
		var one condition
		if err := one.status(s); err != nil {
			return c, err
		}
		if one.sql == "" {
			return c, fmt.Errorf("%w: status: must not be empty", ErrQuestion)
		}
		parts[i] = one.sql
		c.args = append(c.args, one.args...)
	}
	c.sql += " AND (" + strings.Join(parts, " OR ") + ")"
	return c, nil
}

func (c *condition) oneOf(column string, values []string) {
	if len(values) == 0 {
		return
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	c.and(column+" IN (?"+strings.Repeat(", ?", len(values)-1)+")", args...)
}

func nullTime(us sql.NullInt64) time.Time {
	if !us.Valid {
		return time.Time{}
	}
	return time.UnixMicro(us.Int64).UTC()
}
