package events

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

const (
	// maxOutline bounds how far back an outline goes: half a year of hours.
	maxOutline = 5000
	// wider is how many times as many events the next window is to hold, when one
	// was not enough: rollups do not know how many of them contain a text.
	wider = 8
)

// outline says, newest first, how many events there are to look through, so that
// a list reads no more of the store than holds its page. The tail is not in it.
type outline struct {
	spans []span
	grain time.Duration
	whole bool // what is not in spans can only be in the tail
}

type span struct {
	begin  time.Time
	events int64
}

// outline asks the rollups as much of f as they know.
func (f Filter) outline(ctx context.Context, tx *sql.Tx) (o outline, err error) {
	known := f
	known.Path, known.Text = "", ""
	rollups := known.rollups(ByTotal, false)
	if rollups == nil { // both a customer and a kind of call
		known.Route, known.Verb, known.Status = "", "", ""
		rollups = known.rollups(ByTotal, false)
	}
	r := rollups[0]
	if len(rollups) > 1 {
		r = rollups[1] // hours
	}
	o.grain = r.grain
	if !known.From.IsZero() {
		known.From = known.From.Truncate(r.grain)
	}
	c, err := known.rollupCondition()
	if err != nil {
		return o, err
	}
	err = query(ctx, tx, build("outline", map[string]string{"table": r.table}, c, nil, []any{maxOutline}), func(rows *sql.Rows) error {
		var begin int64
		var s span
		if err := rows.Scan(&begin, &s.events); err != nil {
			return fmt.Errorf("read outline: %w", err)
		}
		s.begin = time.UnixMicro(begin).UTC()
		o.spans = append(o.spans, s)
		return nil
	})
	o.whole = len(o.spans) < maxOutline && f.Path == "" && f.Text == "" && known.Route == f.Route && known.Verb == f.Verb && known.Status == f.Status
	return o, err
}

// cut takes from the outline the begin of a window that ends at end and holds n
// events; ok is false when what is left holds fewer.
func (o *outline) cut(end time.Time, n int64) (begin time.Time, ok bool) {
	for n > 0 {
		if len(o.spans) == 0 {
			return begin, false
		}
		s := o.spans[0]
		o.spans = o.spans[1:]
		if !end.IsZero() && !s.begin.Before(end) {
			continue // newer, all of it: windows only go back
		}
		begin = s.begin
		if end.IsZero() || !end.Before(begin.Add(o.grain)) {
			n -= s.events // all of them are older than end
		}
	}
	return begin, true
}

// windows calls read for one piece of time after the other, newest first, until
// nothing is missing of so many rows. The pieces together are all of f up to end.
func (f Filter) windows(ctx context.Context, tx *sql.Tx, end time.Time, rows int, read func(w window) (missing int, err error)) error {
	o, err := f.outline(ctx, tx)
	if err != nil {
		return err
	}
	missing, width := rows, int64(1)
	for {
		begin, ok := o.cut(end, int64(missing)*width)
		if begin.IsZero() {
			_, err := read(window{end: end, tail: o.whole})
			return err
		}
		if missing, err = read(window{begin: begin, end: end}); err != nil || missing <= 0 {
			return err
		}
		end = begin
		if ok {
			width *= wider
		}
	}
}

// window is a piece of time, open where it is zero.
type window struct {
	begin, end time.Time
	tail       bool // only what is not rolled up
}

// in narrows a filter to the window.
func (w window) in(f Filter) Filter {
	if w.begin.After(f.From) {
		f.From = w.begin
	}
	if !w.end.IsZero() && (f.To.IsZero() || w.end.Before(f.To)) {
		f.To = w.end
	}
	return f
}
