package events

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"pgregory.net/rapid"
)

// analysed is what the model asks of an event, by the fields' names.
func analysed(e wire.Event, name string) string {
	number := func(n int64) string { return fmt.Sprint(n) }
	switch name {
	case "user_id":
		return e.UserID
	case "company_id":
		return e.CompanyID
	case "verb":
		return e.Request.Verb
	case "route":
		return routeOf(e)
	case "status":
		return fmt.Sprint(status(e))
	case "weight":
		return number(int64(e.Weight))
	case "failed":
		return fmt.Sprint(failed(e))
	case "request.headers.X-Plan":
		for _, h := range e.Request.Headers {
			if strings.EqualFold(h.Name, "x-plan") {
				return h.Value
			}
		}
	case "request.body.order.amount":
		if len(e.Request.Body) > 0 {
			return strings.TrimSuffix(strings.TrimPrefix(string(e.Request.Body), `{"order":{"amount":`), "}}")
		}
	}
	return ""
}

var analysedFields = []string{"user_id", "company_id", "verb", "route", "status", "failed", "request.headers.X-Plan", "request.body.order.amount"}

// modelFilter is a direct reading of FilterOps.
func modelFilter(e wire.Event, f FieldFilter) bool {
	v := analysed(e, f.Field)
	one := func(fits func(string) bool) bool { return slices.ContainsFunc(f.Values, fits) }
	var n, with float64
	_, err := fmt.Sscan(v, &n)
	if len(f.Values) > 0 {
		_, _ = fmt.Sscan(f.Values[0], &with)
	}
	switch f.Op {
	case "is":
		return one(func(w string) bool { return v == w })
	case "is_not":
		return !one(func(w string) bool { return v == w })
	case "contains":
		return one(func(w string) bool { return strings.Contains(strings.ToLower(v), strings.ToLower(w)) })
	case "exists":
		return v != ""
	case "missing":
		return v == ""
	case "gt":
		return err == nil && n > with
	case "lte":
		return err == nil && n <= with
	}
	panic(f.Op)
}

// modelMetric is a direct reading of MetricKinds.
func modelMetric(m Metric, list []wire.Event) *float64 {
	var calls, bad, sum, weight float64
	users, companies := map[string]bool{}, map[string]bool{}
	low, high := math.Inf(1), math.Inf(-1)
	for _, e := range list {
		calls += float64(e.Weight)
		if failed(e) {
			bad += float64(e.Weight)
		}
		users[e.UserID], companies[e.CompanyID] = true, true
		var n float64
		if _, err := fmt.Sscan(analysed(e, m.Field), &n); err == nil {
			sum, weight = sum+n*float64(e.Weight), weight+float64(e.Weight)
			low, high = min(low, n), max(high, n)
		}
	}
	delete(users, "")
	delete(companies, "")
	v := map[string]float64{"count": calls, "errors": bad, "users": float64(len(users)), "companies": float64(len(companies)), "sum": sum, "min": low, "max": high}[m.Kind]
	switch {
	case m.Kind == "error_rate" && calls > 0:
		v = bad / calls
	case m.Kind == "avg":
		v = sum / weight
	case m.Kind == "p50":
		_, _, l := usage(list)
		return l.P50
	case m.Kind == "error_rate":
		return nil
	}
	if m.Field != "" && weight == 0 {
		return nil
	}
	return &v
}

func near(a, b *float64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return math.Abs(*a-*b) <= 0.0201*math.Abs(*b)+0.002
}

func drawAnalysis(t *rapid.T) Analysis {
	from := noon.Add(time.Duration(rapid.SampledFrom([]int{-172_800, -86_400, -43_200, -3600, -60, 0, 59}).Draw(t, "from")) * time.Second)
	a := Analysis{From: from, To: from.Add(time.Duration(rapid.SampledFrom([]int{60, 3600, 7200, 43_200, 86_400, 300_000}).Draw(t, "length")) * time.Second), Limit: 50}
	metrics := []Metric{{Kind: "count"}, {Kind: "users"}, {Kind: "companies"}, {Kind: "error_rate"}, {Kind: "errors"}, {Kind: "p50"}, {Kind: "sum", Field: "request.body.order.amount"}, {Kind: "avg", Field: "weight"}, {Kind: "max", Field: "request.body.order.amount"}}
	a.Metrics = append([]Metric{{Kind: "count"}}, rapid.SliceOfN(rapid.SampledFrom(metrics), 0, 3).Draw(t, "metrics")...)
	a.Groups = rapid.SliceOfNDistinct(rapid.SampledFrom(analysedFields), 0, 3, rapid.ID).Draw(t, "groups")
	for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "filters") {
		f := FieldFilter{Field: rapid.SampledFrom(analysedFields).Draw(t, "field"), Op: rapid.SampledFrom([]string{"is", "is_not", "contains", "exists", "missing", "gt", "lte"}).Draw(t, "op")}
		switch f.Op {
		case "gt", "lte":
			f.Values = []string{rapid.SampledFrom([]string{"3", "250", "-1"}).Draw(t, "number")}
		case "is", "is_not", "contains":
			if f.Field == "status" {
				f.Values = []string{rapid.SampledFrom([]string{"404", "200"}).Draw(t, "status")}
				break
			}
			f.Values = rapid.SliceOfN(rapid.SampledFrom([]string{"u1", "c1", "GET", "pro", "/a", "true", "7", "ü"}), 1, 2).Draw(t, "values")
		}
		a.Filters = append(a.Filters, f)
	}
	a.OverTime = rapid.Bool().Draw(t, "over time")
	if a.OverTime {
		a.Interval = rapid.SampledFrom([]time.Duration{0, time.Hour, 24 * time.Hour}).Draw(t, "interval")
	}
	a.Compare = rapid.Bool().Draw(t, "compare")
	return a
}

// adorn gives the events what only documents have.
func adorn(t *rapid.T, list []wire.Event) {
	for i := range list {
		if plan := rapid.SampledFrom([]string{"", "pro", "free"}).Draw(t, "plan"); plan != "" {
			name := rapid.SampledFrom([]string{"X-Plan", "x-plan", "X-PLAN"}).Draw(t, "name")
			list[i].Request.Headers = wire.Headers{{Name: name, Value: plan}}
		}
		if amount := rapid.SampledFrom([]string{"", "7", "12.5"}).Draw(t, "amount"); amount != "" {
			list[i].Request.Body = []byte(`{"order":{"amount":` + amount + `}}`)
		}
	}
}

func within(list []wire.Event, a Analysis, from, to time.Time) []wire.Event {
	return slices.DeleteFunc(slices.Clone(list), func(e wire.Event) bool {
		if e.Request.Time.Before(from) || !e.Request.Time.Before(to) {
			return true
		}
		return slices.ContainsFunc(a.Filters, func(f FieldFilter) bool { return !modelFilter(e, f) })
	})
}

func modelKeys(e wire.Event, groups []string) string {
	keys := make([]string, len(groups))
	for i, g := range groups {
		keys[i] = analysed(e, g)
	}
	return strings.Join(keys, "\x00")
}

func TestAnAnalysisFollowsTheModel(t *testing.T) {
	s := open(t)
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		a, list := drawAnalysis(rt), drawEvents(rt)
		adorn(rt, list)
		runs++
		a.App = fmt.Sprint("analysis", runs)
		loadParts(rt, t, s, a.App, list)
		got, err := s.Analyse(t.Context(), a)
		if err != nil {
			rt.Fatal(err)
		}
		chosen, before := within(list, a, a.From, a.To), within(list, a, a.From.Add(a.From.Sub(a.To)), a.From)
		compareLine(rt, a, "total", got.Total, chosen, before)
		groups := map[string][]wire.Event{}
		for _, e := range chosen {
			groups[modelKeys(e, a.Groups)] = append(groups[modelKeys(e, a.Groups)], e)
		}
		if len(a.Groups) > 0 && len(got.Lines) != len(groups) {
			rt.Fatalf("%d lines, want %d", len(got.Lines), len(groups))
		}
		for _, line := range got.Lines {
			key := strings.Join(line.Keys, "\x00")
			then := slices.DeleteFunc(slices.Clone(before), func(e wire.Event) bool { return modelKeys(e, a.Groups) != key })
			compareLine(rt, a, fmt.Sprintf("line %q", line.Keys), line, groups[key], then)
			for i, values := range line.Points {
				begin := got.Times[i]
				in := slices.DeleteFunc(slices.Clone(groups[key]), func(e wire.Event) bool {
					return e.Request.Time.Before(begin) || !e.Request.Time.Before(begin.Add(got.Interval))
				})
				for k, m := range a.Metrics {
					if want := modelMetric(m, in); len(in) > 0 && !near(values[k], want) {
						rt.Fatalf("%q at %s: %s is %v, want %v", line.Keys, begin, m, deref(values[k]), deref(want))
					}
				}
			}
		}
	})
}

func compareLine(t *rapid.T, a Analysis, name string, line Line, list, before []wire.Event) {
	for i, m := range a.Metrics {
		if want := modelMetric(m, list); len(list) > 0 && !near(line.Values[i], want) {
			t.Fatalf("%s: %s is %v, want %v", name, m, deref(line.Values[i]), deref(want))
		}
		if want := modelMetric(m, before); a.Compare && len(before) > 0 && !near(line.Before[i], want) {
			t.Fatalf("%s: %s was %v, want %v", name, m, deref(line.Before[i]), deref(want))
		}
	}
}

func deref(v *float64) any {
	if v == nil {
		return nil
	}
	return *v
}

func ask(s *Store, t *testing.T, a Analysis) Answer {
	t.Helper()
	if a.App == "" {
		a.App = "shop"
	}
	if a.From.IsZero() {
		a.From, a.To = noon.Add(-time.Hour), noon.Add(time.Hour)
	}
	if a.Metrics == nil {
		a.Metrics = []Metric{{Kind: "count"}}
	}
	got, err := s.Analyse(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTablesArePagedAndSorted(t *testing.T) {
	s := open(t)
	var list []wire.Event
	for i := range 25 {
		e := call(fmt.Sprint(i), i)
		e.CompanyID = fmt.Sprintf("c%02d", i%7)
		list = append(list, e)
	}
	loadNext(t, s, "shop", noon, list...)
	for _, ascending := range []bool{false, true} {
		a := Analysis{Groups: []string{"company_id", "verb"}, Limit: 3, Ascending: ascending}
		var got []string
		for {
			page := ask(s, t, a)
			for _, line := range page.Lines {
				got = append(got, line.Keys[0])
			}
			if a.Cursor = page.Next; page.Next == "" {
				break
			}
		}
		want := "c00 c01 c02 c03 c04 c05 c06"
		if ascending {
			want = "c04 c05 c06 c00 c01 c02 c03"
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("ascending %t: got %s, want %s", ascending, s, want)
		}
	}
}

func TestOverTimeTheOthersAreOneLine(t *testing.T) {
	s := open(t)
	var list []wire.Event
	for i := range 20 {
		e := call(fmt.Sprint(i), i)
		e.UserID = fmt.Sprint("u", min(i, 4))
		list = append(list, e)
	}
	loadNext(t, s, "shop", noon, list...)
	got := ask(s, t, Analysis{Groups: []string{"user_id"}, Metrics: []Metric{{Kind: "count"}, {Kind: "users"}}, OverTime: true, Interval: time.Hour, Limit: 2})
	last := got.Lines[len(got.Lines)-1]
	if len(got.Lines) != 3 || !last.Others || *last.Points[1][0] != 3 || *last.Points[1][1] != 3 {
		t.Errorf("got %+v", got.Lines)
	}
}

func TestRollupsAnswerWhatTheyCan(t *testing.T) {
	s := open(t)
	loadNext(t, s, "shop", noon, someEvents(50)...)
	if err := s.rollUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		a    Analysis
		want bool
	}{
		{Analysis{}, true},
		{Analysis{Groups: []string{"company_id"}, Metrics: []Metric{{Kind: "count"}, {Kind: "p95"}}}, true},
		{Analysis{Groups: []string{"company_id"}, Filters: []FieldFilter{{"company_id", "is", []string{"c1"}}}}, true},
		{Analysis{Groups: []string{"company_id"}, Metrics: []Metric{{Kind: "p95"}}}, false},
		{Analysis{Groups: []string{"host"}}, false},
		{Analysis{Filters: []FieldFilter{{"company_id", "is_not", []string{"c1"}}}}, false},
		{Analysis{Metrics: []Metric{{Kind: "sum", Field: "response_bytes"}}}, false},
	} {
		c.a.From, c.a.To = noon.Truncate(day), noon.Truncate(day).Add(2*day)
		if got := ask(s, t, c.a); got.Rollups != c.want {
			t.Errorf("%+v: answered from rollups: %t", c.a, got.Rollups)
		}
	}
}

func TestAnalysesThatCannotBeAnswered(t *testing.T) {
	s := open(t)
	good := Analysis{App: "shop", From: noon, To: noon.Add(time.Hour), Metrics: []Metric{{Kind: "count"}}}
	for _, c := range []struct {
		want   string
		change func(*Analysis)
	}{
		{"app: must not be empty", func(a *Analysis) { a.App = "" }},
		{"must be before to", func(a *Analysis) { a.To = a.From }},
		{"not be longer than 400 days", func(a *Analysis) { a.To = a.From.Add(401 * day) }},
		{"metric: 1 to 6", func(a *Analysis) { a.Metrics = nil }},
		{`got "median"`, func(a *Analysis) { a.Metrics[0].Kind = "median" }},
		{"sum needs a field", func(a *Analysis) { a.Metrics[0].Kind = "sum" }},
		{"count takes no field", func(a *Analysis) { a.Metrics[0].Field = "weight" }},
		{`"secret" is none`, func(a *Analysis) { a.Groups = []string{"secret"} }},
		{"at most 3 fields", func(a *Analysis) { a.Groups = []string{"verb", "host", "path", "route"} }},
		{"limit: must be 1 to 1000", func(a *Analysis) { a.Limit = 1001 }},
		{"limit: must be 1 to 50", func(a *Analysis) { a.Limit, a.OverTime = 51, true }},
		{"cuts the range into", func(a *Analysis) { a.OverTime, a.Interval, a.To = true, time.Second, a.From.Add(day) }},
		{"operator: must be one of", func(a *Analysis) { a.Filters = []FieldFilter{{"verb", "like", []string{"x"}}} }},
		{"takes one number", func(a *Analysis) { a.Filters = []FieldFilter{{"status", "gt", []string{"Inf"}}} }},
		{"takes numbers", func(a *Analysis) { a.Filters = []FieldFilter{{"status", "is", []string{"x"}}} }},
		{"takes 1 to 100 values", func(a *Analysis) { a.Filters = []FieldFilter{{"verb", "is", nil}} }},
		{"at most 30", func(a *Analysis) { a.Filters = make([]FieldFilter, 31) }},
		{"not one of this question", func(a *Analysis) { a.Cursor = "e30" }},
	} {
		a := good
		a.Metrics = slices.Clone(good.Metrics)
		c.change(&a)
		if _, err := s.Analyse(t.Context(), a); !errors.Is(err, ErrQuestion) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
}

// hostile texts are what a text field must take for a text.
var hostile = []string{`'`, `"`, `';--`, `'; DROP TABLE events; --`, `") OR 1=1 --`, `$.*`, `~/\%_`, `{where}`, `{hits}`, `?`, "Ünï©ödé 🦆", "\u2028", `\u0000`, "a/b.c~d"}

func TestTextsAreNeverSQL(t *testing.T) {
	s := open(t)
	for i, text := range hostile {
		e := call(fmt.Sprint(i), i)
		e.CompanyID, e.UserID = text, text
		e.Request.Headers = wire.Headers{{Name: "X-" + text, Value: text}}
		e.Request.Body = []byte(`{"k":` + string(wire.AppendString(nil, text)) + `}`)
		loadNext(t, s, "shop", noon, e)
	}
	for _, text := range hostile {
		for _, f := range []string{"company_id", "user_id", "request.headers.X-" + text, "request.body.k"} {
			for _, op := range []string{"is", "starts_with", "ends_with"} {
				got := ask(s, t, Analysis{Groups: []string{f}, Filters: []FieldFilter{{f, op, []string{text}}}, Limit: 50})
				if !slices.ContainsFunc(got.Lines, func(l Line) bool { return l.Keys[0] == text }) || op == "is" && len(got.Lines) != 1 {
					t.Errorf("%s %s %q: got %+v", f, op, text, got.Lines)
				}
			}
		}
		for _, a := range []Analysis{
			{Groups: []string{text}}, {Metrics: []Metric{{Kind: text}}}, {Metrics: []Metric{{Kind: "sum", Field: text}}},
			{Filters: []FieldFilter{{text, "is", []string{"x"}}}}, {Filters: []FieldFilter{{"verb", text, []string{"x"}}}}, {Cursor: text},
		} {
			a.App, a.From, a.To = "shop", noon, noon.Add(time.Hour)
			if a.Metrics == nil {
				a.Metrics = []Metric{{Kind: "count"}}
			}
			if _, err := s.Analyse(t.Context(), a); !errors.Is(err, ErrQuestion) {
				t.Errorf("%+v: %v", a, err)
			}
		}
		for _, name := range []string{"request.body.", "response.body.", "request.headers.", "metadata."} {
			ask(s, t, Analysis{Groups: []string{name + text}, Metrics: []Metric{{Kind: "sum", Field: name + text}}, OverTime: true})
		}
		if got := ask(s, t, Analysis{App: text}); *got.Total.Values[0] != 0 {
			t.Errorf("application %q sees %v", text, *got.Total.Values[0])
		}
	}
	if got := ask(s, t, Analysis{}); *got.Total.Values[0] != float64(len(hostile)) {
		t.Errorf("afterwards there are %v events", *got.Total.Values[0])
	}
	if err := s.Ready(); err != nil {
		t.Error(err)
	}
}

func TestBodiesThatAreNoPlainJSONAreNoTrouble(t *testing.T) {
	s := open(t)
	for i, body := range []string{`"aGVsbG8="`, `{"a":1e999}`, `{"a":"\ud800"}`, `[1,2]`, `{"a":"nan"}`, `{"a":"inf"}`, `{"a":1e308}`, `{"a":2}`, strings.Repeat("[", 500) + strings.Repeat("]", 500)} {
		e := call(fmt.Sprint(i), i)
		e.Request.Body, e.Weight = []byte(body), 50
		loadNext(t, s, "shop", noon, e)
	}
	got := ask(s, t, Analysis{Groups: []string{"request.body.a"}, Metrics: []Metric{{Kind: "count"}, {Kind: "sum", Field: "request.body.a"}, {Kind: "avg", Field: "request.body.a"}, {Kind: "p95", Field: "request.body.a"}}})
	if v := got.Total.Values; *v[1] != 100 || *v[2] != 2 || *v[3] != 2 {
		t.Errorf("got %v %v %v", *v[1], *v[2], *v[3])
	}
}
