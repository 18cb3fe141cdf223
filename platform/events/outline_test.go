package events

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawSpans are hours and their events, as the rollups know them.
func drawSpans(t *rapid.T) (spans []span, events []time.Time) {
	for hour := range rapid.IntRange(1, 200).Draw(t, "hours") {
		bucket := noon.Add(-time.Duration(hour) * time.Hour)
		for range rapid.IntRange(0, 2).Draw(t, "parts") {
			s := span{bucket: bucket}
			for range rapid.IntRange(1, 4).Draw(t, "events") {
				at := bucket.Add(time.Duration(rapid.IntRange(0, 3599).Draw(t, "second")) * time.Second)
				if s.events == 0 || at.Before(s.first) {
					s.first = at
				}
				if at.After(s.last) {
					s.last = at
				}
				s.events++
				events = append(events, at)
			}
			s.exact = s.events <= 2
			spans = append(spans, s)
		}
	}
	return spans, events
}

// satisfied evaluates what outline.between asks of a time.
func satisfied(c condition, at time.Time) bool {
	if len(c.args) == 0 {
		return true
	}
	bound := func(i int) int64 { v, _ := c.args[i].(int64); return v }
	us := at.UnixMicro()
	for i := 1; i < len(c.args); i += 2 {
		if us > bound(i) && us < bound(i+1) {
			return false
		}
	}
	return us <= bound(0)
}

func TestWindowsOfAnOutlineHoldEveryEventOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		spans, events := drawSpans(rt)
		o := outline{spans: spans, whole: true}
		if rapid.Bool().Draw(rt, "cut off") && len(spans) > 0 {
			o.whole = false
			o.round(time.Hour)
		}
		o.sort()
		var end time.Time
		if rapid.Bool().Draw(rt, "behind a cursor") && len(events) > 0 {
			end = rapid.SampledFrom(events).Draw(rt, "end").Add(time.Microsecond)
		}
		held := make([]int, len(events))
		for end := end; ; {
			rows := rapid.Int64Range(1, 200).Draw(rt, "rows")
			begin, some, enough := o.cut(end, rows)
			if !some {
				if enough {
					rt.Fatal("nothing is enough")
				}
				break
			}
			c := o.between(begin, end)
			if len(c.args) > 1+2*maxGaps {
				rt.Fatalf("%d gaps", len(c.args)/2)
			}
			var in int64
			for i, at := range events {
				if at.Before(begin) || !end.IsZero() && !at.Before(end) {
					continue
				}
				in++
				if satisfied(c, at) {
					held[i]++
				}
			}
			if enough && in < rows {
				rt.Fatalf("%d events in a window for %d", in, rows)
			}
			end = begin
		}
		for i, at := range events {
			want := 1
			if !end.IsZero() && !at.Before(end) {
				want = 0
			}
			if held[i] != want {
				rt.Fatalf("the event of %s is in %d windows, want %d", at, held[i], want)
			}
		}
	})
}

func TestARareCustomersWindowLeavesOutTheLongestGaps(t *testing.T) {
	o := outline{whole: true}
	for i := range 3 {
		at := noon.Add(-time.Duration(i) * day)
		o.spans = append(o.spans, span{first: at.Add(-time.Minute), last: at, events: 2, exact: true})
	}
	begin, _, enough := o.cut(time.Time{}, 6)
	c := o.between(begin, time.Time{})
	if !enough || !begin.Equal(noon.Add(-2*day-time.Minute)) {
		t.Errorf("begins at %s", begin)
	}
	for at, want := range map[time.Duration]bool{0: true, time.Second: false, -30 * time.Second: false, -time.Minute: true, -time.Hour: false, -day: true, -2 * day: true} {
		if satisfied(c, noon.Add(at)) != want {
			t.Errorf("%s from noon: %v, want %v", at, !want, want)
		}
	}
}

func TestAUsersCallsAreFoundHoweverOldTheyAre(t *testing.T) {
	s := open(t)
	var want []string
	for i, age := range []time.Duration{0, time.Hour, day - time.Second, day, 5 * day, 30 * day, 31 * day, 32 * day, 400 * day} {
		e := call(fmt.Sprint("u", i), 0)
		e.UserID = "u"
		e.Request.Time = noon.Add(-age)
		want = append(want, e.TransactionID)
		other := call(fmt.Sprint("other", i), 0)
		other.Request.Time = noon.Add(-age)
		loadNext(t, s, "a", noon, e, other)
	}
	if err := s.rollUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	tail := call("tail", 1)
	tail.UserID = "u"
	loadNext(t, s, "a", noon, tail)
	want = append([]string{"tail"}, want...)
	for _, limit := range []int{1, 3, 100} {
		var got []string
		p := Page{Limit: limit}
		for {
			list, next, err := s.List(t.Context(), Filter{App: "a", UserID: "u"}, p)
			if err != nil {
				t.Fatal(err)
			}
			for i := range list {
				got = append(got, list[i].TransactionID)
			}
			if p.Cursor = next; next == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("by pages of %d: %q", limit, got)
		}
	}
	list, _, err := s.List(t.Context(), Filter{App: "a", UserID: "u", From: noon.Add(-31 * day), To: noon.Add(-time.Hour)}, Page{})
	if err != nil || len(list) != 5 || list[0].TransactionID != "u2" || list[4].TransactionID != "u6" {
		t.Errorf("within a month: %d, %v", len(list), err)
	}
}
