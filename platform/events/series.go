package events

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

const (
	defaultGroups = 8
	maxGroups     = 100
	maxPoints     = 2000 // of one group
	targetPoints  = 120

	// OthersKey is the key of the group that sums up the rest.
	OthersKey = "(others)"
)

var intervals = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, 7 * day, 14 * day, 28 * day,
}

const day = 24 * time.Hour

// ChooseInterval returns the shortest usual interval that cuts a range into at
// most 120 pieces; mostly there are more than 60.
func ChooseInterval(length time.Duration) time.Duration {
	for _, i := range intervals {
		if length <= i*targetPoints {
			return i
		}
	}
	return (length/targetPoints/day + 1) * day
}

// Series returns usage over time for the groups with most calls (8 when groups
// is 0, 100 at most) and the sum of the others. Intervals begin at multiples of
// their length since 1970 UTC; a group has a point for each that the range
// touches, 2000 at most. interval is in whole seconds; 0 leaves the choice to
// ChooseInterval. Without From or To the range is that of the events. Rollups
// answer where f and the interval, then in whole minutes, allow; latencies are
// within 2 % then.
func (s *Store) Series(ctx context.Context, f Filter, by string, interval time.Duration, groups int) (Series, error) {
	if _, err := keyColumn(by); err != nil {
		return Series{}, err
	}
	if groups < 0 {
		return Series{}, fmt.Errorf("%w: groups: must not be negative (got %d)", ErrQuestion, groups)
	}
	if groups == 0 {
		groups = defaultGroups
	}
	if interval < 0 || interval%time.Second != 0 {
		return Series{}, fmt.Errorf("%w: interval: must be a number of whole seconds (got %s)", ErrQuestion, interval)
	}
	if _, err := f.condition(); err != nil {
		return Series{}, err
	}
	var out Series
	err := s.snapshot(ctx, func(tx *sql.Tx) error {
		asked := f
		if err := fillRange(ctx, tx, &f); err != nil {
			return err
		}
		out = Series{From: f.From, To: f.To, Interval: interval}
		if interval == 0 {
			out.Interval = ChooseInterval(f.To.Sub(f.From))
		}
		if !f.From.Before(f.To) {
			return nil
		}
		return out.read(ctx, tx, asked, by, min(groups, maxGroups))
	})
	if err != nil {
		return Series{}, err
	}
	if by == ByTotal && len(out.Groups) == 0 && out.From.Before(out.To) {
		out.Groups = []Group{{Points: out.axis()}}
	}
	return out, nil
}

// fillRange sets what is open of the range to that of the events.
func fillRange(ctx context.Context, tx *sql.Tx, f *Filter) error {
	if !f.From.IsZero() && !f.To.IsZero() {
		return nil
	}
	h, ok, err := f.hits(ctx, tx, ByTotal, 0, false)
	if err != nil {
		return err
	}
	q := h.into("range_rollup")
	if !ok {
		c, err := f.condition()
		if err != nil {
			return err
		}
		q = build("range", nil, c, nil, nil)
	}
	return query(ctx, tx, q, func(rows *sql.Rows) error {
		var first, last sql.NullInt64
		if err := rows.Scan(&first, &last); err != nil {
			return fmt.Errorf("read range: %w", err)
		}
		if !first.Valid {
			if f.From.IsZero() {
				f.From = f.To
			}
			f.To = f.From
			return nil
		}
		if f.From.IsZero() {
			f.From = time.UnixMicro(first.Int64).UTC()
		}
		if f.To.IsZero() {
			f.To = time.UnixMicro(last.Int64 + 1).UTC()
		}
		return nil
	})
}

func (s *Series) read(ctx context.Context, tx *sql.Tx, f Filter, by string, groups int) error {
	if _, count := s.buckets(); count > maxPoints {
		return fmt.Errorf("%w: interval: %s cuts the range into %d points, at most %d are possible: make it longer", ErrQuestion, s.Interval, count, maxPoints)
	}
	h, ok, err := f.hits(ctx, tx, by, s.Interval, false)
	if err != nil {
		return err
	}
	if ok {
		err = s.readHits(ctx, tx, h, groups)
	} else {
		err = s.readEvents(ctx, tx, f, by, groups)
	}
	if err != nil {
		return err
	}
	slices.SortStableFunc(s.Groups, func(a, b Group) int {
		switch {
		case a.Others != b.Others && a.Others:
			return 1
		case a.Others != b.Others:
			return -1
		}
		return int(max(-1, min(1, b.Calls-a.Calls)))
	})
	return nil
}

func (s *Series) readHits(ctx context.Context, tx *sql.Tx, h hits, groups int) error {
	var d durations
	return query(ctx, tx, h.into("series_rollup", groups), func(rows *sql.Rows) error {
		var p Point
		var others bool
		var name string
		var bucket int64
		var letters nullText
		if err := rows.Scan(&others, &name, &bucket, &p.Calls, &p.Errors, &letters); err != nil {
			return fmt.Errorf("read series: %w", err)
		}
		p.Latency = d.latency(string(letters))
		return s.put(name, others, bucket, p)
	})
}

func (s *Series) readEvents(ctx context.Context, tx *sql.Tx, f Filter, by string, groups int) error {
	c, err := f.condition()
	if err != nil {
		return err
	}
	q := build("series", map[string]string{"key": keyColumns[by]}, c, []any{s.Interval.Microseconds()}, []any{groups})
	return query(ctx, tx, q, func(rows *sql.Rows) error {
		var p Point
		var others bool
		var name string
		var bucket int64
		var l nullLatency
		if err := rows.Scan(&others, &name, &bucket, &p.Calls, &p.Errors, &l[0], &l[1], &l[2]); err != nil {
			return fmt.Errorf("read series: %w", err)
		}
		p.Latency = l.latency()
		return s.put(name, others, bucket, p)
	})
}

// put sets the point of an interval; its time is known already.
func (s *Series) put(name string, others bool, bucket int64, p Point) error {
	g := s.group(name, others)
	first, _ := s.buckets()
	i := bucket - first
	if i < 0 || i >= int64(len(g.Points)) {
		return fmt.Errorf("read series: interval %d is not one of %d from %d", bucket, len(g.Points), first)
	}
	p.Time = g.Points[i].Time
	g.Points[i] = p
	g.Calls += p.Calls
	return nil
}

// group returns the group of the last row, or a new one: rows come by group.
func (s *Series) group(name string, others bool) *Group {
	if others {
		name = OthersKey
	}
	if n := len(s.Groups); n > 0 && s.Groups[n-1].Key == name && s.Groups[n-1].Others == others {
		return &s.Groups[n-1]
	}
	s.Groups = append(s.Groups, Group{Key: name, Others: others, Points: s.axis()})
	return &s.Groups[len(s.Groups)-1]
}

// buckets returns the number of the first interval since 1970, and how many
// intervals the range touches.
func (s *Series) buckets() (first int64, count int) {
	width := s.Interval.Microseconds()
	first = micros(s.From) / width
	last := (micros(s.To) - 1) / width
	return first, int(last - first + 1)
}

// axis returns an empty point for every interval.
func (s *Series) axis() []Point {
	first, count := s.buckets()
	points := make([]Point, count)
	for i := range points {
		points[i].Time = time.UnixMicro((first + int64(i)) * s.Interval.Microseconds()).UTC()
	}
	return points
}
