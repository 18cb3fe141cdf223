package events

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"pgregory.net/rapid"
)

func searchField(t testing.TB, name string) Field {
	t.Helper()
	f, err := FieldOf(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// clause is a Where and what it means.
type clause struct {
	where Where
	holds func(wire.Event) bool
}

func drawClause(t *rapid.T, tb testing.TB, depth int) clause {
	many := func() (list []clause) {
		for range rapid.IntRange(0, 3).Draw(t, "clauses") {
			list = append(list, drawClause(t, tb, depth-1))
		}
		return list
	}
	wheres := func(list []clause) (out []Where) {
		for _, c := range list {
			out = append(out, c.where)
		}
		return out
	}
	kinds := 6
	if depth > 0 {
		kinds = 9
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "clause") {
	case 0:
		users := rapid.SliceOfN(rapid.SampledFrom([]any{"u1", "u2", "ü", "'; DROP TABLE events; --"}), 0, 3).Draw(t, "users")
		return clause{OneOf{searchField(tb, "user_id.raw"), users}, func(e wire.Event) bool { return e.UserID != "" && slices.Contains(users, any(e.UserID)) }}
	case 1:
		n := rapid.SampledFrom([]int{0, 200, 404, 500}).Draw(t, "status")
		return clause{Within{Field: searchField(tb, "response.status"), From: n, Under: 500}, func(e wire.Event) bool { return status(e) != 0 && status(e) >= n && status(e) < 500 }}
	case 2:
		return clause{Has{searchField(tb, "company_id")}, func(e wire.Event) bool { return e.CompanyID != "" }}
	case 3:
		return clause{Containing{searchField(tb, "request.uri"), "FIND"}, func(e wire.Event) bool { return strings.Contains(strings.ToLower(e.Request.URI), "find") }}
	case 4:
		return clause{Beginning{searchField(tb, "request.path"), "/b/"}, func(e wire.Event) bool { p, _ := pathOf(e); return strings.HasPrefix(p, "/b/") }}
	case 5:
		at := noon.Add(60 * time.Second)
		return clause{Within{Field: searchField(tb, "request.time"), Over: at}, func(e wire.Event) bool { return e.Request.Time.After(at) }}
	case 6:
		c := drawClause(t, tb, depth-1)
		return clause{Not{c.where}, func(e wire.Event) bool { return !c.holds(e) }}
	case 7:
		list := many()
		return clause{All(wheres(list)), func(e wire.Event) bool {
			return !slices.ContainsFunc(list, func(c clause) bool { return !c.holds(e) })
		}}
	}
	list := many()
	return clause{Any(wheres(list)), func(e wire.Event) bool { return slices.ContainsFunc(list, func(c clause) bool { return c.holds(e) }) }}
}

func TestSearchFindsWhatTheModelFinds(t *testing.T) {
	s := open(t)
	var app atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		name := fmt.Sprintf("app%d", app.Add(1))
		all := drawEvents(rt)
		loadNext(t, s, name, noon.Add(3*time.Hour), all...)
		loadNext(t, s, "other", noon, call("other", 0))
		c := drawClause(rt, t, 3)
		var want []wire.Event
		for _, e := range all {
			if c.holds(e) {
				want = append(want, e)
			}
		}
		up := rapid.Bool().Draw(rt, "up")
		sort := rapid.SampledFrom([]string{"request.time", "response.status", "weight", "duration_ms"}).Draw(rt, "sort")
		seen := map[string]bool{}
		q := Search{Filter: Filter{App: name}, Where: c.where, Sort: searchField(t, sort), Up: up, Limit: 7, Bodies: true}
		for {
			found, err := s.Search(t.Context(), q)
			if err != nil {
				rt.Fatal(err)
			}
			if found.Total != int64(len(want)) {
				rt.Fatalf("%d hits, want %d", found.Total, len(want))
			}
			for _, e := range found.Events {
				if seen[e.TransactionID] {
					rt.Fatalf("%s comes twice by pages of %s", e.TransactionID, sort)
				}
				seen[e.TransactionID] = true
			}
			if len(found.Events) < 7 {
				break
			}
			q.After = &found.Places[6]
		}
		if len(seen) != len(want) {
			rt.Fatalf("pages of %s have %d of %d hits", sort, len(seen), len(want))
		}
		checkAggregates(rt, t, s, name, c.where, want)
	})
}

// checkAggregates compares users, their minutes and the sums of these with a model.
func checkAggregates(rt *rapid.T, t *testing.T, s *Store, app string, w Where, want []wire.Event) {
	type cell struct {
		events int64
		weight float64
	}
	users, minutes := map[string]*cell{}, map[string]*cell{}
	total := 0.0
	for _, e := range want {
		total += float64(e.Weight)
		if e.UserID == "" {
			continue
		}
		for _, m := range []struct {
			of  map[string]*cell
			key string
		}{{users, e.UserID}, {minutes, e.UserID + e.Request.Time.Truncate(time.Minute).String()}} {
			if m.of[m.key] == nil {
				m.of[m.key] = &cell{}
			}
			m.of[m.key].events++
			m.of[m.key].weight += float64(e.Weight)
		}
	}
	calls := Agg{Name: "weight|sum", What: Sum, Field: searchField(t, "weight")}
	found, err := s.Search(t.Context(), Search{Filter: Filter{App: app}, Where: w, Aggs: []Agg{calls, {
		Name: "users", What: Terms, Field: searchField(t, "user_id.raw"), Size: 10, Order: Order{By: "weight|sum"},
		Sub: []Agg{calls, {Name: "minutes", What: Histogram, Field: searchField(t, "request.time"), Every: Every{1, "minute"}, Sub: []Agg{calls}}},
	}}})
	if err != nil {
		rt.Fatal(err)
	}
	if got := *found.Aggs[0].Values[0]; got != total {
		rt.Fatalf("the sum of weights is %v, want %v", got, total)
	}
	n := 0
	before := 1e18
	for _, b := range found.Aggs[1].Buckets {
		u, _ := b.Key.(string)
		c := users[u]
		if c == nil || c.events != b.Events || *b.Aggs[0].Values[0] != c.weight || c.weight > before {
			rt.Fatalf("user %q has %+v, want %+v", u, b, c)
		}
		before = c.weight
		for _, m := range b.Aggs[1].Buckets {
			n++
			at, _ := m.Key.(time.Time)
			c := minutes[u+at.String()]
			if c == nil || c.events != m.Events || *m.Aggs[0].Values[0] != c.weight {
				rt.Fatalf("user %q has at %s %+v, want %+v", u, at, m, c)
			}
		}
	}
	if len(found.Aggs[1].Buckets) != len(users) || n != len(minutes) {
		rt.Fatalf("%d users and %d minutes, want %d and %d", len(found.Aggs[1].Buckets), n, len(users), len(minutes))
	}
}

func TestOnlyTheBestBucketsAreShownAndTheRestIsCounted(t *testing.T) {
	s := open(t)
	var list []wire.Event
	for i := range 60 {
		e := call(fmt.Sprintf("%02d", i), i)
		e.UserID = fmt.Sprintf("u%02d", i%10)
		e.CompanyID = []string{"c1", "c2", "c3"}[i%3]
		e.Metadata = []byte(fmt.Sprintf(`{"plan":"p%d","deep":{"er":%d}}`, i%2, i))
		list = append(list, e)
	}
	loadNext(t, s, "app", noon, list...)
	found, err := s.Search(t.Context(), Search{Filter: Filter{App: "app"}, Aggs: []Agg{
		{Name: "companies", What: Terms, Field: searchField(t, "company_id"), Size: 2, Order: Order{By: "_key"}, Sub: []Agg{
			{Name: "users", What: Terms, Field: searchField(t, "user_id"), Size: 1},
			{Name: "n", What: Cardinality, Field: searchField(t, "user_id")},
		}},
		{Name: "p", What: Percentiles, Field: searchField(t, "metadata.deep.er"), Percents: []float64{0, 50, 100}},
		{Name: "plans", What: Terms, Field: searchField(t, "metadata.plan"), Size: 5},
		{Name: "days", What: Histogram, Field: searchField(t, "request.time"), Every: Every{1, "day"}, Zone: "Pacific/Auckland"},
		{Name: "none", What: Avg, Field: searchField(t, "request.content_length")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	companies := found.Aggs[0]
	if len(companies.Buckets) != 2 || companies.Buckets[0].Key != "c3" || companies.Others != 20 {
		t.Errorf("companies are %+v", companies)
	}
	for _, b := range companies.Buckets {
		users := b.Aggs[0]
		if b.Events != 20 || len(users.Buckets) != 1 || users.Buckets[0].Events+users.Others != 20 || *b.Aggs[1].Values[0] != 10 {
			t.Errorf("company %v is %+v", b.Key, b)
		}
	}
	if p := found.Aggs[1].Values; *p[0] != 0 || *p[1] != 29.5 || *p[2] != 59 {
		t.Errorf("percentiles are %v %v %v", *p[0], *p[1], *p[2])
	}
	if plans := found.Aggs[2].Buckets; len(plans) != 2 || plans[0].Events != 30 {
		t.Errorf("plans are %+v", plans)
	}
	// Noon in Greenwich is an hour after midnight in Auckland.
	if days := found.Aggs[3].Buckets; len(days) != 1 || days[0].Key != noon.Add(-time.Hour) {
		t.Errorf("days are %+v", days)
	}
	if found.Aggs[4].Values[0] != nil {
		t.Errorf("the average of nothing is %v", *found.Aggs[4].Values[0])
	}
}

func TestWhatCannotBeSearchedIsAQuestionOfTheAsker(t *testing.T) {
	s := open(t)
	loadNext(t, s, "app", noon, call("1", 0))
	for name, q := range map[string]Search{
		"text for a number":  {Where: OneOf{searchField(t, "response.status"), []any{"abc"}}},
		"no time":            {Where: Within{Field: searchField(t, "request.time"), From: "yesterday"}},
		"too many hits":      {Limit: 1001},
		"too far":            {Limit: 1, Skip: 10_001},
		"sorted by text":     {Limit: 1, Sort: searchField(t, "user_id")},
		"sum of text":        {Aggs: []Agg{{Name: "x", What: Sum, Field: searchField(t, "user_id")}}},
		"unknown order":      {Aggs: []Agg{{Name: "x", What: Terms, Field: searchField(t, "user_id"), Size: 1, Order: Order{By: "nothing"}}}},
		"too many terms":     {Aggs: []Agg{{Name: "x", What: Terms, Field: searchField(t, "user_id"), Size: 1001}}},
		"no application":     {Filter: Filter{}},
		"begin of no text":   {Where: Beginning{searchField(t, "weight"), "1"}},
		"a time as one term": {Where: OneOf{searchField(t, "request.time"), []any{"x"}}},
	} {
		if name != "no application" {
			q.Filter.App = "app"
		}
		if _, err := s.Search(t.Context(), q); !errors.Is(err, ErrQuestion) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "app", "user_id; DROP TABLE events", "metadata.", "request.body.", "request.body", "rowid"} {
		if _, err := FieldOf(name); !errors.Is(err, ErrQuestion) {
			t.Errorf("field %q: %v", name, err)
		}
	}
	// Whatever is asked for is a value, and never SQL.
	for _, evil := range []string{"'", "\"", "';--", "\x00", "a\x00b", "\xff", "%", "?", "{where}", "~", "a/b", "$.x", "*", strings.Repeat("x", 1000)} {
		f := searchField(t, "metadata."+evil)
		w := Any{OneOf{f, []any{evil}}, OneOf{searchField(t, "user_id"), []any{evil}}, Containing{f, evil}, Beginning{searchField(t, "user_id"), evil + "x"}}
		q := Search{Filter: Filter{App: "app"}, Where: w, Limit: 1, After: &Place{Value: noon, ID: evil}, Aggs: []Agg{{Name: evil, What: Terms, Field: f, Size: 1, Sub: []Agg{{Name: "n", What: Sum, Field: f}}}}}
		if found, err := s.Search(t.Context(), q); err != nil || found.Total != 0 {
			t.Errorf("%q: %d hits, %v", evil, found.Total, err)
		}
	}
}
