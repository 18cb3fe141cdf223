package events

import (
	"cmp"
	"database/sql/driver"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sums are what the tail adds to the rollups: the loader adds up what passes it,
// which costs less than having DuckDB read the tail again. They have two groups for
// each event of the tail, at most.
type sums struct {
	behind    int64 // the sequence number behind which the tail begins
	traffic   map[group]*sum
	customers map[group]*sum
}

// group is a group of a rollup, with "" and 0 for what that does not group by.
// While they are added up, traffic is grouped by minutes and customers by hours.
type group struct {
	app    string
	begin  int64     // of the minute, hour or day, in µs
	keys   [2]string // route and verb, or company and user
	status int16
	failed bool
}

// sum is what a row of a rollup says.
type sum struct {
	events, calls, refused      int64
	requestBytes, responseBytes int64
	first, last                 int64    // in µs
	buckets                     []uint16 // of each event that has a duration
}

// newSums are those of an empty tail.
func newSums(behind int64) *sums {
	return &sums{behind: behind, traffic: map[group]*sum{}, customers: map[group]*sum{}}
}

// add counts an event. It keeps no string of the row.
func (s *sums) add(r *eventRow) {
	failed := r.status >= 400 || r.status == 0
	g := group{app: r.app, begin: truncate(r.time, time.Minute), keys: [2]string{r.route, r.verb}, status: r.status, failed: failed}
	find(s.traffic, &g).add(r)
	g = group{app: r.app, begin: truncate(r.time, time.Hour), keys: [2]string{r.companyID, r.userID}, failed: failed}
	find(s.customers, &g).add(r)
}

func find(groups map[group]*sum, g *group) *sum {
	v := groups[*g]
	if v == nil {
		v = &sum{first: math.MaxInt64, last: math.MinInt64}
		// The strings are parts of larger buffers.
		own := *g
		own.app, own.keys = strings.Clone(g.app), [2]string{strings.Clone(g.keys[0]), strings.Clone(g.keys[1])}
		groups[own] = v
	}
	return v
}

func (v *sum) add(r *eventRow) {
	v.events++
	v.calls += int64(r.weight)
	if r.refused != "" {
		v.refused += int64(r.weight)
	}
	v.requestBytes = saturated(v.requestBytes, max(0, r.requestBytes))
	v.responseBytes = saturated(v.responseBytes, max(0, r.responseBytes))
	v.first, v.last = min(v.first, r.time), max(v.last, r.time)
	if r.duration >= 0 {
		v.buckets = append(v.buckets, uint16(durationBucket(r.duration))) // #nosec G115 -- below maxBuckets
	}
}

// plus adds all but the durations.
func (v *sum) plus(o *sum) {
	v.events += o.events
	v.calls += o.calls
	v.refused += o.refused
	v.requestBytes = saturated(v.requestBytes, o.requestBytes)
	v.responseBytes = saturated(v.responseBytes, o.responseBytes)
	v.first, v.last = min(v.first, o.first), max(v.last, o.last)
}

// saturated is the sum of two numbers that are not negative.
func saturated(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func (g group) compare(o group) int {
	c := cmp.Or(
		strings.Compare(g.app, o.app), cmp.Compare(g.begin, o.begin),
		strings.Compare(g.keys[0], o.keys[0]), strings.Compare(g.keys[1], o.keys[1]), cmp.Compare(g.status, o.status),
	)
	switch {
	case c != 0 || g.failed == o.failed:
		return c
	case o.failed:
		return -1
	}
	return 1
}

// truncate returns the begin of the grain that a time in µs is in.
func truncate(us int64, grain time.Duration) int64 {
	g := grain.Microseconds()
	rest := us % g
	if rest < 0 {
		rest += g
	}
	return us - rest
}

// coarser are the sums of longer grains, and of companies when users is false.
func coarser(fine map[group]*sum, grain time.Duration, users bool) map[group]*sum {
	all := make(map[group]*sum, len(fine))
	for g, v := range fine {
		g.begin = truncate(g.begin, grain)
		if !users {
			g.keys[1] = ""
		}
		all[g] = all[g].merge(v)
	}
	return all
}

// merge returns the sum of both, which shares nothing that changes with o.
func (v *sum) merge(o *sum) *sum {
	if v == nil {
		clipped := *o
		clipped.buckets = slices.Clip(o.buckets)
		return &clipped
	}
	v.plus(o)
	v.buckets = append(v.buckets, o.buckets...)
	return v
}

// days are those that the sums are of, in µs.
func (s *sums) days() map[int64]bool {
	days := map[int64]bool{}
	for g := range s.customers {
		days[truncate(g.begin, day)] = true
	}
	return days
}

// write adds the sums to the rollups.
func (s *sums) write(c driver.Conn) error {
	for _, r := range trafficRollups {
		groups := s.traffic
		if r.grain > time.Minute {
			groups = coarser(groups, r.grain, true)
		}
		if err := r.write(c, groups); err != nil {
			return err
		}
	}
	companies := coarser(s.customers, time.Hour, false)
	for _, r := range companyRollups {
		if err := r.write(c, coarser(companies, r.grain, false)); err != nil {
			return err
		}
	}
	for _, r := range userRollups {
		if err := r.write(c, coarser(s.customers, r.grain, true)); err != nil {
			return err
		}
	}
	return nil
}

func (r rollup) write(c driver.Conn, groups map[group]*sum) error {
	order := make([]group, 0, len(groups))
	for g := range groups {
		order = append(order, g)
	}
	slices.SortFunc(order, group.compare)
	var t tally
	return appendRows(c, r.table, func(a *appender) error {
		for _, g := range order {
			v := groups[g]
			a.text(g.app)
			a.time(g.begin)
			r.append(a, &g)
			a.bool(g.failed)
			a.int64(v.events)
			a.int64(v.calls)
			a.int64(v.refused)
			a.int64(v.requestBytes)
			a.int64(v.responseBytes)
			a.time(v.first)
			a.time(v.last)
			a.bytes(t.text(v.buckets))
			if err := a.end(); err != nil {
				return err
			}
		}
		return nil
	})
}

func appendTraffic(a *appender, g *group) {
	a.text(g.keys[0])
	a.text(g.keys[1])
	a.int16(g.status)
}

func appendCompany(a *appender, g *group) { a.text(g.keys[0]) }

func appendUser(a *appender, g *group) {
	a.text(g.keys[0])
	a.text(g.keys[1])
}

// few is how many durations are sorted to count them.
const few = 64

// tally counts durations.
type tally struct {
	counts [maxBuckets]int
	sorted []uint16
	buf    []byte
}

// text is the column durations: letters with how often they occur (migration 2).
// It is valid until the next call.
func (t *tally) text(buckets []uint16) []byte {
	t.buf = t.buf[:0]
	if len(buckets) <= few {
		t.sorted = append(t.sorted[:0], buckets...)
		slices.Sort(t.sorted)
		for i := 0; i < len(t.sorted); {
			n := 1
			for i+n < len(t.sorted) && t.sorted[i+n] == t.sorted[i] {
				n++
			}
			t.letter(int(t.sorted[i]), n)
			i += n
		}
		return t.buf
	}
	for _, b := range buckets {
		t.counts[b]++
	}
	for b, n := range t.counts {
		if n > 0 {
			t.letter(b, n)
		}
	}
	clear(t.counts[:])
	return t.buf
}

func (t *tally) letter(bucket, n int) {
	t.buf = append(t.buf, string(rune(firstLetter+bucket))...)
	if n > 1 {
		t.buf = strconv.AppendInt(t.buf, int64(n), 10)
	}
}
