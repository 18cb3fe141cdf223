package events

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// hits are what a question is asked about: sums from rollups where these are
// whole, single events before, behind and not rolled up yet.
type hits struct {
	sql  string
	args []any
}

// into builds a statement that reads from the hits.
func (h hits) into(name string, after ...any) question {
	return build(name, map[string]string{"hits": h.sql}, condition{}, h.args, after)
}

// rollups returns those that can answer what f selects, by something; nil means
// that only the events can.
func (f Filter) rollups(by string, users bool) []rollup {
	traffic := f.Route != "" || f.Verb != "" || f.Status != "" || by == ByRoute || by == ByVerb || by == ByStatus
	user := f.UserID != "" || by == ByUser || users
	customer := user || f.CompanyID != "" || by == ByCompany
	switch {
	case f.Path != "" || f.Text != "" || traffic && customer:
		return nil
	case user:
		return userRollups
	case customer:
		return companyRollups
	}
	return trafficRollups
}

// piece is a part of a range, open where a time is zero, and where it is counted.
type piece struct {
	from, to time.Time
	rollup   rollup // without a table: the events
}

// cover cuts a range into pieces, each of which has the coarsest of the rollups
// that fits.
func cover(from, to time.Time, rollups []rollup) []piece {
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return nil
	}
	if len(rollups) == 0 {
		return []piece{{from: from, to: to}}
	}
	r, finer := rollups[0], rollups[1:]
	begin, end := from, to
	if !from.IsZero() {
		if begin = from.Truncate(r.grain); begin.Before(from) {
			begin = begin.Add(r.grain)
		}
	}
	if !to.IsZero() {
		end = to.Truncate(r.grain)
	}
	if !begin.IsZero() && !end.IsZero() && !begin.Before(end) {
		return cover(from, to, finer)
	}
	var pieces []piece
	if !from.IsZero() {
		pieces = cover(from, begin, finer)
	}
	pieces = append(pieces, piece{begin, end, r})
	if !to.IsZero() {
		pieces = append(pieces, cover(end, to, finer)...)
	}
	return pieces
}

// hits returns where to read what f selects; ok is false when only the events
// can answer, or nothing would be gained. interval is in whole seconds, 0 for a
// question that does not divide time. users says that user_id is asked for.
func (f Filter) hits(ctx context.Context, tx *sql.Tx, by string, interval time.Duration, users bool) (h hits, ok bool, err error) {
	rollups := f.rollups(by, users)
	for len(rollups) > 0 && interval%rollups[0].grain != 0 {
		rollups = rollups[1:]
	}
	if len(rollups) == 0 {
		return h, false, nil
	}
	rolled, err := readRolled(ctx, tx)
	if err != nil {
		return h, false, err
	}
	bucket := "0::BIGINT"
	if interval > 0 {
		bucket = "epoch_us(time) // ?"
	}
	tail := f
	for _, p := range cover(f.From.UTC(), f.To.UTC(), rollups) {
		part := f
		part.From, part.To = p.from, p.to
		if p.rollup.table == "" {
			err = h.add("hits_rows", by, bucket, interval, part, condition{}, p.rollup)
		} else {
			if !ok {
				tail.From = p.from
			}
			ok, tail.To = true, p.to
			err = h.add("hits_rollup", by, bucket, interval, part, condition{}, p.rollup)
		}
		if err != nil {
			return h, false, err
		}
	}
	if !ok {
		return h, false, nil
	}
	behind := condition{sql: "seq > ?", args: []any{rolled}}
	return h, true, h.add("hits_rows", by, bucket, interval, tail, behind, rollup{})
}

// add appends what one piece has; it also satisfies and.
func (h *hits) add(name, by, bucket string, interval time.Duration, f Filter, and condition, r rollup) error {
	c, err := f.condition()
	if r.table != "" {
		c, err = f.rollupCondition()
	}
	if err != nil {
		return err
	}
	if and.sql != "" {
		c.and(and.sql, and.args...)
	}
	marks := map[string]string{"key": keyColumns[by], "bucket": bucket, "table": r.table, "user": "''", "company": "''"}
	if strings.Contains(r.dimensions, "user_id") {
		marks["user"] = "user_id"
	}
	if strings.Contains(r.dimensions, "company_id") {
		marks["company"] = "company_id"
	}
	var before []any
	if interval > 0 {
		before = append(before, interval.Microseconds())
	}
	q := build(name, marks, c, before, nil)
	if h.sql != "" {
		h.sql += "\nUNION ALL\n"
	}
	h.sql += q.sql
	h.args = append(h.args, q.args...)
	return nil
}

// rollupCondition is condition for rollups.
func (f Filter) rollupCondition() (condition, error) {
	failures := f.Errors
	f.Errors = false
	c, err := f.condition()
	if failures {
		c.and("failed")
	}
	return c, err
}
