package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// found is the ids of the events that w selects, in order.
func found(t *testing.T, s *Store, f Filter, w Where) []string {
	t.Helper()
	got, err := s.Search(t.Context(), Search{Filter: f, Where: w, Up: true, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, e := range got.Events {
		ids = append(ids, e.TransactionID)
	}
	if int64(len(ids)) != got.Total {
		t.Errorf("%d hits of %d", len(ids), got.Total)
	}
	return ids
}

// orders are events whose bodies have all shapes.
func orders(t *testing.T, s *Store) Filter {
	t.Helper()
	var list []wire.Event
	for i, body := range []string{
		`{"total":5,"sku":"apple","deep":{"er":{"x":"y"}},"items":[{"sku":"a"},{"sku":"b"}],"a/b":"slash","a~b":"tilde"}`,
		`{"total":"50","sku":"pear","deep":null,"items":[]}`,
		`{"total":500.5,"sku":"apple","deep":{"er":"flat"},"paid":true}`,
		`{"total":"NaN","sku":"","items":["a","b"]}`,
		`{"total":"inf","total2":1e999}`,
		`[{"total":7}]`,
		`"a text"`,
		`{"total":5`,
		`"eyJ0b3RhbCI6NX0="`,
		``,
	} {
		e := call(fmt.Sprintf("%d", i), i)
		e.Request.Body, e.Response.Body = []byte(body), fmt.Appendf(nil, `{"n":%d}`, i)
		if strings.HasSuffix(body, `="`) {
			e.Request.TransferEncoding = "base64"
		}
		if body == "" {
			e.Request.Body, e.Response.Body = nil, nil
		}
		list = append(list, e)
	}
	loadNext(t, s, "app", noon, list...)
	other := call("0", 0) // the same id and time, of another application
	other.Request.Body = []byte(`{"total":5,"sku":"apple"}`)
	loadNext(t, s, "other", noon, other)
	return Filter{App: "app"}
}

func TestBodiesAreSearchedByTheirPlaces(t *testing.T) {
	s := open(t)
	f := orders(t, s)
	field := func(name string) Field { return searchField(t, name) }
	total := field("request.body.total")
	for name, c := range map[string]struct {
		where Where
		want  []string
	}{
		"a number":              {OneOf{total, []any{json.Number("5")}}, []string{"0"}},
		"a text":                {OneOf{field("request.body.sku.raw"), []any{"apple", "pear"}}, []string{"0", "1", "2"}},
		"the empty text":        {OneOf{field("request.body.sku"), []any{""}}, []string{"3"}},
		"a boolean":             {OneOf{field("request.body.paid"), []any{true}}, []string{"2"}},
		"a deep place":          {OneOf{field("request.body.deep.er.x"), []any{"y"}}, []string{"0"}},
		"numbers from":          {Within{Field: total, From: json.Number("50")}, []string{"1", "2"}},
		"numbers between":       {Within{Field: total, Over: 5, Upto: 50.0}, []string{"1"}},
		"texts from":            {Within{Field: field("request.body.sku"), From: "b"}, []string{"1"}},
		"has":                   {Has{field("request.body.deep")}, []string{"0", "2"}},
		"has not":               {Not{Has{total}}, []string{"5", "6", "7", "8", "9"}},
		"contains":              {Containing{field("request.body.sku"), "PPL"}, []string{"0", "2"}},
		"begins":                {Beginning{field("request.body.sku"), "pe"}, []string{"1"}},
		"of an array":           {OneOf{field("request.body.items.1.sku"), []any{"b"}}, []string{"0"}},
		"an item":               {OneOf{field("request.body.items.0"), []any{"a"}}, []string{"3"}},
		"an array within":       {Containing{field("request.body.items"), `"b"`}, []string{"0", "3"}},
		"an array as the whole": {OneOf{field("request.body.0.total"), []any{json.Number("7")}}, []string{"5"}},
		"a slash":               {OneOf{field("request.body.a/b"), []any{"slash"}}, []string{"0"}},
		"a tilde":               {OneOf{field("request.body.a~b"), []any{"tilde"}}, []string{"0"}},
		"an answer":             {Within{Field: field("response.body.n"), From: 7}, []string{"7", "8"}},
		"both and a column":     {All{Within{Field: field("response.body.n"), Under: 3}, OneOf{field("request.body.sku"), []any{"apple"}}, OneOf{field("transaction_id"), []any{"2"}}}, []string{"2"}},
		"either":                {Any{OneOf{field("transaction_id"), []any{"9"}}, OneOf{field("request.body.sku"), []any{"pear"}}}, []string{"1", "9"}},
	} {
		if got := found(t, s, f, c.where); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	narrow := Filter{App: "app", From: noon.Add(2 * time.Second), To: noon.Add(3 * time.Second)}
	if got := found(t, s, narrow, Has{total}); !slices.Equal(got, []string{"2"}) {
		t.Errorf("within a second there are %v", got)
	}
	if n, err := s.Count(t.Context(), f, OneOf{field("request.body.sku"), []any{"apple"}}); n != 2 || err != nil {
		t.Errorf("counts %d, %v", n, err)
	}
}

func TestBodiesAreGroupedAndMeasured(t *testing.T) {
	s := open(t)
	f := orders(t, s)
	total := searchField(t, "request.body.total")
	low, high := 5.0, 100.0
	number := func(what string) Agg { return Agg{Name: what, What: what, Field: total} }
	got, err := s.Search(t.Context(), Search{Filter: f, Aggs: []Agg{
		number(Sum), number(Avg), number(Min), number(Max), number(ValueCount),
		{Name: "p", What: Percentiles, Field: total, Percents: []float64{50, 100}},
		{Name: "skus", What: Terms, Field: searchField(t, "request.body.sku"), Size: 5, Order: Order{By: "sum"}, Sub: []Agg{number(Sum)}},
		{Name: "spans", What: Ranges, Field: total, Spans: []Span{{To: &low}, {From: &low, To: &high}, {From: &high}}, Sub: []Agg{{Name: "n", What: Sum, Field: searchField(t, "response.body.n")}}},
		{Name: "verbs", What: Terms, Field: searchField(t, "request.verb"), Size: 5, Sub: []Agg{number(Avg)}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{555.5, 555.5 / 3, 5, 500.5, 5} {
		if v := *got.Aggs[i].Values[0]; v != want {
			t.Errorf("%s is %v, want %v", got.Aggs[i].Agg.Name, v, want)
		}
	}
	if p := got.Aggs[5].Values; *p[0] != 50 || *p[1] != 500.5 {
		t.Errorf("percentiles are %v %v", *p[0], *p[1])
	}
	show := func(x AggAnswer) (out []any) {
		for _, b := range x.Buckets {
			out = append(out, b.Key, b.Events, *b.Aggs[0].Values[0])
		}
		return out
	}
	for i, want := range map[int][]any{
		6: {"apple", int64(2), 505.5, "pear", int64(1), 50.0, "", int64(1), 0.0},
		7: {1.0, int64(2), 1.0, 2.0, int64(1), 2.0}, // 5 and "50", 500.5; nothing is below
		8: {"GET", int64(10), 555.5 / 3},
	} {
		if out := show(got.Aggs[i]); !reflect.DeepEqual(out, want) {
			t.Errorf("%s are %v, want %v", got.Aggs[i].Agg.Name, out, want)
		}
	}
	if _, err := s.Search(t.Context(), Search{Filter: f, Aggs: []Agg{{Name: "x", What: Ranges, Field: searchField(t, "user_id"), Spans: []Span{{}}}}}); !errors.Is(err, ErrQuestion) {
		t.Errorf("ranges of texts: %v", err)
	}
}

func TestEventsAreSortedByNumbersInBodiesAndHeaders(t *testing.T) {
	s := open(t)
	var list []wire.Event
	for i, n := range []string{`7`, `"30"`, `null`, `7`, `-1.5`, `"x"`, `1e3`} {
		e := call(fmt.Sprintf("%d", i), i)
		e.Request.Body = []byte(`{"n":` + n + `}`)
		e.Request.Headers = wire.Headers{{Name: "X-N", Value: strings.Trim(n, `"`)}}
		list = append(list, e)
	}
	loadNext(t, s, "app", noon, list...)
	for _, name := range []string{"request.body.n", "request.headers.x-n"} {
		for up, want := range map[bool]string{false: "[6 1 3 0 4 5 2]", true: "[4 0 3 1 6 2 5]"} {
			var ids []string
			q := Search{Filter: Filter{App: "app"}, Sort: searchField(t, name), Up: up, Limit: 2}
			for {
				got, err := s.Search(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range got.Events {
					ids = append(ids, e.TransactionID)
				}
				if len(got.Events) < 2 {
					break
				}
				q.After = &got.Places[1]
			}
			if got := fmt.Sprint(ids); got != want {
				t.Errorf("by %s up %v they come as %s, want %s", name, up, got, want)
			}
		}
	}
}

func TestHeadersAreFoundInAnyCase(t *testing.T) {
	s := open(t)
	var list []wire.Event
	for i, name := range []string{"X-Plan", "x-plan", "X-PLAN", "x-Plan", "x-plan-b"} {
		e := call(fmt.Sprintf("%d", i), i)
		e.Request.Headers = wire.Headers{{Name: "Host", Value: "X-Plan: gold"}, {Name: name, Value: "gold"}}
		e.Response.Headers = wire.Headers{{Name: name, Value: "gold"}, {Name: name, Value: "silver"}}
		list = append(list, e)
	}
	loadNext(t, s, "app", noon, list...)
	for _, name := range []string{"request.headers.X-Plan", "request.headers.x-plan.raw", "request.headers.X-PLAN", "response.headers.x-Plan"} {
		f := searchField(t, name)
		if got := found(t, s, Filter{App: "app"}, OneOf{f, []any{"gold"}}); !slices.Equal(got, []string{"0", "1", "2", "3"}) {
			t.Errorf("%s: %v", name, got)
		}
		got, err := s.Search(t.Context(), Search{Filter: Filter{App: "app"}, Aggs: []Agg{{Name: "plans", What: Terms, Field: f, Size: 5}}})
		if err != nil {
			t.Fatal(err)
		}
		if b := got.Aggs[0].Buckets; len(b) != 1 || b[0].Key != "gold" || b[0].Events != 4 {
			t.Errorf("by %s there are %+v", name, b)
		}
	}
}

// A text of half a character is JSON for those who send it, and not for DuckDB.
func TestWhatDuckDBCannotReadHidesNothingElse(t *testing.T) {
	s := open(t)
	list := []wire.Event{call("0", 0), call("1", 1), call("2", 2)}
	for i, value := range []string{`"x"`, `"\ud800"`, `"x"`} {
		document := []byte(`{"a":` + value + `,"b":1}`)
		list[i].Metadata, list[i].Request.Body = document, document
	}
	loadNext(t, s, "app", noon, list...)
	for _, name := range []string{"metadata.b", "request.body.b"} {
		if got := found(t, s, Filter{App: "app"}, Within{Field: searchField(t, name), From: 1}); !slices.Equal(got, []string{"0", "2"}) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Whatever is asked for is bound, and never SQL.
func TestPathsAreNeverSQL(t *testing.T) {
	s := open(t)
	f := orders(t, s)
	for _, prefix := range []string{"request.body.", "response.body.", "request.headers.", "response.headers.", "metadata."} {
		for _, evil := range []string{
			"'", `"`, "') OR 1=1 --", "x'); DROP TABLE events; --", "a\x00b", "\xff", "%", "?", "{where}", "{tables}", "~", "a/b", "$.x", "$", "*", "/0", "..", ".", "#-1", "[0]", strings.Repeat("x.", 500),
		} {
			x := searchField(t, prefix+evil)
			q := Search{
				Filter: f, Limit: 5, Sort: x, After: &Place{Value: 1.0, ID: evil},
				Where: Any{OneOf{x, []any{evil}}, Containing{x, evil}, Beginning{x, evil + "x"}, Within{Field: x, From: 1, Under: evil}},
				Aggs: []Agg{
					{Name: evil, What: Terms, Field: x, Size: 5, Sub: []Agg{{Name: "n", What: Sum, Field: x}}},
					{Name: "spans", What: Ranges, Field: x, Spans: []Span{{}}},
				},
			}
			if got, err := s.Search(t.Context(), q); err != nil || got.Total != 0 || len(got.Aggs[0].Buckets) != 0 {
				t.Errorf("%s%q: %+v, %v", prefix, evil, got, err)
			}
		}
	}
	if n, err := s.Count(t.Context(), f, nil); n != 10 || err != nil {
		t.Errorf("%d events are left, %v", n, err)
	}
}

func TestAMoesifNameIsAnotherNameOfTheConsoles(t *testing.T) {
	for moesif, console := range map[string]string{
		"request.verb": "verb", "session_token.raw": "session", "_id": "transaction_id", "request.route.raw": "route", "duration_ms": "duration_ms",
		"request.headers.X-Plan.raw": "request.headers.X-Plan", "response.body.a.b": "response.body.a.b", "metadata.x": "metadata.x",
	} {
		want, err := parseField(console)
		if err != nil {
			t.Fatal(err)
		}
		if got := searchField(t, moesif).field; !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %+v, want %+v", moesif, got, want)
		}
	}
}
