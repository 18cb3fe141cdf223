package events

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

const (
	// maxOutline bounds how far back an outline goes: half a year of hours.
	maxOutline = 5000
	// maxGaps bounds the condition that a window gets from an outline.
	maxGaps = 64
)

// outline says where the events are that a list looks through, so that it reads no
// more of the store than holds its page. The tail is not in it.
type outline struct {
	spans []span // by their last events, newest first
	next  int    // the first that no window has had
	whole bool   // all that is rolled up is in spans
}

// span is a piece of time with so many events.
type span struct {
	bucket, first, last time.Time
	events              int64
	exact               bool // all of them are at first and last
}

// outline asks the rollups as much of f as they know.
func (f Filter) outline(ctx context.Context, tx *sql.Tx, end time.Time) (o outline, err error) {
	known := window{end: end}.in(f)
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
	if !known.From.IsZero() {
		known.From = known.From.Truncate(r.grain)
	}
	c, err := known.rollupCondition()
	if err != nil {
		return o, err
	}
	marks := map[string]string{"table": r.table, "apart": ""}
	if f.rare() {
		// One or two events are exactly where their row of the rollup says.
		marks["apart"] = ", CASE WHEN events <= 2 THEN first END"
	}
	err = query(ctx, tx, build("outline", marks, c, nil, []any{maxOutline}), func(rows *sql.Rows) error {
		var bucket, first, last, events int64
		if err := rows.Scan(&bucket, &first, &last, &events); err != nil {
			return fmt.Errorf("read outline: %w", err)
		}
		at := func(us int64) time.Time { return time.UnixMicro(us).UTC() }
		o.spans = append(o.spans, span{bucket: at(bucket), first: at(first), last: at(last), events: events, exact: events <= 2})
		return nil
	})
	o.whole = len(o.spans) < maxOutline
	if !o.whole {
		o.round(r.grain)
	}
	o.sort()
	return o, err
}

func (o *outline) sort() {
	slices.SortFunc(o.spans, func(a, b span) int { return b.last.Compare(a.last) })
}

// round makes one span of the oldest bucket, all of which may not have been read.
func (o *outline) round(grain time.Duration) {
	last := len(o.spans) - 1
	all := span{first: o.spans[last].bucket, last: o.spans[last].bucket.Add(grain - time.Microsecond)}
	for ; last >= 0 && o.spans[last].bucket.Equal(all.first); last-- {
		all.events += o.spans[last].events
	}
	o.spans = append(o.spans[:last+1], all)
}

// cut takes from the outline the begin of a window that ends at end and holds n
// events; enough is false when what is left holds fewer, and some when that is
// nothing.
func (o *outline) cut(end time.Time, n int64) (begin time.Time, some, enough bool) {
	for n > 0 {
		if o.next == len(o.spans) {
			return begin, some, false
		}
		s := o.spans[o.next]
		o.next++
		if !end.IsZero() && !s.first.Before(end) {
			continue // newer, all of it: windows only go back
		}
		if !some || s.first.Before(begin) {
			begin, some = s.first, true
		}
		if end.IsZero() || s.last.Before(end) {
			n -= s.events // all of them are older than end
		}
	}
	return begin, some, true
}

// between leaves out the longest pieces of a window in which there are no events:
// DuckDB passes over the rows that it compressed together there.
func (o *outline) between(begin, end time.Time) (c condition) {
	type piece struct{ first, last time.Time }
	var pieces []piece
	add := func(first, last time.Time) {
		if first.Before(begin) {
			first = begin
		}
		if !end.IsZero() && !last.Before(end) {
			last = end.Add(-time.Microsecond)
		}
		if !last.Before(first) {
			pieces = append(pieces, piece{first, last})
		}
	}
	for _, s := range o.spans {
		if s.exact {
			add(s.first, s.first)
			add(s.last, s.last)
			continue
		}
		add(s.first, s.last)
	}
	if len(pieces) == 0 {
		return c
	}
	slices.SortFunc(pieces, func(a, b piece) int { return a.first.Compare(b.first) })
	last := pieces[0].last
	var gaps []piece
	for _, p := range pieces[1:] {
		if p.first.Sub(last) > time.Second {
			gaps = append(gaps, piece{last, p.first})
		}
		if last.Before(p.last) {
			last = p.last
		}
	}
	slices.SortFunc(gaps, func(a, b piece) int { return cmp.Compare(b.last.Sub(b.first), a.last.Sub(a.first)) })
	c.and("time <= make_timestamp(?::BIGINT)", last.UnixMicro())
	for _, g := range gaps[:min(len(gaps), maxGaps)] {
		c.and("(time <= make_timestamp(?::BIGINT) OR time >= make_timestamp(?::BIGINT))", g.first.UnixMicro(), g.last.UnixMicro())
	}
	return c
}
