package events

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"pgregory.net/rapid"
)

// furthest is a direct reading of Funnel's documentation, for one customer whose
// calls are in order: the most steps, and for each the shortest time to it.
func furthest(f Funnel, calls []wire.Event) []time.Duration {
	fits := func(e wire.Event, step Step) bool {
		return !slices.ContainsFunc(step.Filters, func(one FieldFilter) bool { return !modelFilter(e, one) })
	}
	best := make([]time.Duration, len(f.Steps))
	for i := range best {
		best[i] = -1
	}
	var walk func(step int, begin, at time.Time, rest []wire.Event)
	walk = func(step int, begin, at time.Time, rest []wire.Event) {
		if took := at.Sub(begin); best[step] < 0 || took < best[step] {
			best[step] = took
		}
		if step+1 == len(f.Steps) {
			return
		}
		for i, e := range rest {
			if !e.Request.Time.Before(at) && !e.Request.Time.After(begin.Add(f.Within)) && fits(e, f.Steps[step+1]) {
				walk(step+1, begin, e.Request.Time, rest[i:])
			}
		}
	}
	for i, e := range calls {
		if !fits(e, f.Steps[0]) {
			continue
		}
		walk(0, e.Request.Time, e.Request.Time, calls[i:])
		if f.Start == StartFirst {
			break
		}
	}
	return best
}

func TestAFunnelFollowsTheModel(t *testing.T) {
	s := open(t)
	runs := 0
	steps := []Step{
		{Name: "any call"}, {Name: "success", Filters: []FieldFilter{{"failed", "is", []string{"false"}}}},
		{Name: "post", Filters: []FieldFilter{{"verb", "is", []string{"POST"}}}}, {Name: "route", Filters: []FieldFilter{{"route", "is", []string{"/b/{id}"}}}},
	}
	rapid.Check(t, func(rt *rapid.T) {
		list := drawEvents(rt)
		list = list[:min(len(list), 14)]
		for i := range list { // no two at once: their order would be open
			list[i].Request.Time = list[i].Request.Time.Add(time.Duration(i) * time.Millisecond)
		}
		slices.SortFunc(list, func(a, b wire.Event) int { return a.Request.Time.Compare(b.Request.Time) })
		runs++
		f := Funnel{
			App: fmt.Sprint("funnel", runs), From: noon.Add(-12 * time.Hour), To: noon.Add(time.Hour),
			By: rapid.SampledFrom([]string{ByUser, ByCompany}).Draw(rt, "by"), Start: rapid.SampledFrom([]string{StartAny, StartFirst}).Draw(rt, "start"),
			Steps:  rapid.SliceOfN(rapid.SampledFrom(steps), 2, 4).Draw(rt, "steps"),
			Within: time.Duration(rapid.SampledFrom([]int{1, 60, 7200, 100_000}).Draw(rt, "within")) * time.Second,
		}
		half := rapid.IntRange(0, len(list)).Draw(rt, "rolled up")
		loadNext(t, s, f.App, noon.Add(2*time.Hour), list[:half]...)
		if err := s.rollUp(t.Context()); err != nil {
			rt.Fatal(err)
		}
		loadNext(t, s, f.App, noon.Add(2*time.Hour), list[half:]...)

		took := make([][]time.Duration, len(f.Steps))
		for key, calls := range groupBy(f.By, list) {
			old := f.Start == StartFirst && calls[0].Request.Time.Before(f.From)
			calls = slices.DeleteFunc(calls, func(e wire.Event) bool { return e.Request.Time.Before(f.From) || !e.Request.Time.Before(f.To) })
			if key == "" || old {
				continue
			}
			for i, d := range furthest(f, calls) {
				if d >= 0 {
					took[i] = append(took[i], d)
				}
			}
		}
		got, err := s.Funnel(t.Context(), f)
		if err != nil {
			rt.Fatal(err)
		}
		for i, step := range got {
			if step.Customers != int64(len(took[i])) {
				rt.Fatalf("step %d: %d customers, want %d", i+1, step.Customers, len(took[i]))
			}
			slices.Sort(took[i])
			if n := len(took[i]); i > 0 && n%2 == 1 && (*step.Median-took[i][n/2]).Abs() > time.Millisecond {
				rt.Fatalf("step %d: median %s, want %s", i+1, step.Median, took[i][n/2])
			}
		}
	})
}

func TestFunnelsAndRetentionsThatCannotBeAnswered(t *testing.T) {
	s := open(t)
	good := Funnel{App: "shop", From: noon, To: noon.Add(time.Hour), By: ByUser, Start: StartAny, Steps: make([]Step, 2), Within: time.Hour}
	for _, c := range []struct {
		want   string
		change func(*Funnel)
	}{
		{"by: must be user or company", func(f *Funnel) { f.By = "route" }},
		{"steps: 2 to 8", func(f *Funnel) { f.Steps = f.Steps[:1] }},
		{"within: must be", func(f *Funnel) { f.Within = 0 }},
		{"start: must be", func(f *Funnel) { f.Start = "last" }},
		{"from: must be before", func(f *Funnel) { f.To = f.From }},
		{"step 2", func(f *Funnel) { f.Steps = []Step{{}, {Filters: []FieldFilter{{"';--", "is", []string{"x"}}}}} }},
	} {
		f := good
		c.change(&f)
		if _, err := s.Funnel(t.Context(), f); !errors.Is(err, ErrQuestion) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
	for want, r := range map[string]Retention{
		"by: must be":    {App: "shop", To: noon, Weeks: 1},
		"weeks: must be": {App: "shop", To: noon, By: ByUser, Weeks: 53},
		"app: must":      {To: noon, By: ByUser, Weeks: 3},
	} {
		if _, err := s.Retention(t.Context(), r); !errors.Is(err, ErrQuestion) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestRetentionCountsCustomersByTheWeekTheyWereSeenFirst(t *testing.T) {
	monday := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	for _, rolled := range []bool{false, true} {
		s := open(t)
		n := 0
		at := func(user string, weeks int, verb string) {
			n++
			e := call(fmt.Sprint(n), 0)
			e.Request.Time = monday.Add(time.Duration(weeks)*week + time.Duration(n)*time.Hour)
			e.UserID, e.Request.Verb = user, verb
			loadNext(t, s, "shop", noon.Add(4*week), e)
		}
		at("old", -3, "GET")
		at("old", 1, "GET")
		at("a", 0, "GET")
		at("b", 0, "GET")
		at("a", 1, "POST")
		at("a", 2, "GET")
		at("c", 1, "GET")
		at("c", 1, "GET")
		at("", 1, "GET")
		if rolled {
			if err := s.rollUp(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		r := Retention{App: "shop", To: monday.Add(3 * week), Weeks: 3, By: ByUser}
		got, err := s.Retention(t.Context(), r)
		if want := "[{0 2 [2 1 1]} {1 1 [1 0]} {2 0 [0]}]"; err != nil || shown(got, monday) != want {
			t.Errorf("got %s, %v, want %s", shown(got, monday), err, want)
		}
		r.Return = []FieldFilter{{"verb", "is", []string{"POST"}}}
		got, err = s.Retention(t.Context(), r)
		if want := "[{0 2 [0 1 0]} {1 1 [0 0]} {2 0 [0]}]"; err != nil || shown(got, monday) != want {
			t.Errorf("got %s, %v, want %s", shown(got, monday), err, want)
		}
		r.Filters, r.Return = []FieldFilter{{"user_id", "is", []string{"a", "old"}}}, nil
		got, err = s.Retention(t.Context(), r)
		if want := "[{0 1 [1 1 1]} {1 0 [0 0]} {2 0 [0]}]"; err != nil || shown(got, monday) != want {
			t.Errorf("got %s, %v, want %s", shown(got, monday), err, want)
		}
	}
}

func shown(cohorts []Cohort, monday time.Time) string {
	lines := make([]string, len(cohorts))
	for i, c := range cohorts {
		lines[i] = fmt.Sprintf("{%d %d %v}", int(c.Week.Sub(monday)/week), c.Customers, c.Active)
	}
	return "[" + strings.Join(lines, " ") + "]"
}
