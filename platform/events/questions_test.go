package events

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"pgregory.net/rapid"
)

// drawEvents draws events of some days with many ties.
func drawEvents(t *rapid.T) []wire.Event {
	n := rapid.IntRange(0, 40).Draw(t, "events")
	events := make([]wire.Event, n)
	for i := range events {
		e := call(fmt.Sprintf("%02d", i), rapid.SampledFrom([]int{-200_000, -86_400, -50_400, -46_800, -43_201, -43_200, -43_199, -39_600, -7200, -3600, 0, 1, 59, 60, 61, 3599, 3600, 7199}).Draw(t, "second"))
		e.UserID = rapid.SampledFrom([]string{"", "u1", "u2", "u3", "ü"}).Draw(t, "user")
		e.CompanyID = rapid.SampledFrom([]string{"", "c1", "c2", "(others)"}).Draw(t, "company")
		e.Request.Verb = rapid.SampledFrom([]string{"GET", "POST"}).Draw(t, "verb")
		e.Request.URI = rapid.SampledFrom([]string{"https://h/a", "https://h/b/1", "https://h/b/2?q=Find"}).Draw(t, "uri")
		e.Weight = rapid.IntRange(1, 5).Draw(t, "weight")
		e.Response.Status = rapid.SampledFrom([]int{200, 201, 404, 500}).Draw(t, "status")
		e.Response.Time = e.Request.Time.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "µs")) * time.Microsecond)
		if rapid.IntRange(0, 9).Draw(t, "no answer") == 0 {
			e.Response = nil
		}
		events[i] = e
	}
	return events
}

func drawFilter(t *rapid.T) Filter {
	f := Filter{
		UserID:    rapid.SampledFrom([]string{"", "", "", "u1", "ü"}).Draw(t, "of user"),
		CompanyID: rapid.SampledFrom([]string{"", "", "", "c1"}).Draw(t, "of company"),
		Route:     rapid.SampledFrom([]string{"", "", "", "/b/{id}"}).Draw(t, "of route"),
		Verb:      rapid.SampledFrom([]string{"", "", "", "get"}).Draw(t, "with verb"),
		Path:      rapid.SampledFrom([]string{"", "", "", "/b/1"}).Draw(t, "with path"),
		Status:    rapid.SampledFrom([]string{"", "", "", "404", "2xx", "0"}).Draw(t, "with status"),
		Text:      rapid.SampledFrom([]string{"", "", "", "FIND", "%", "0"}).Draw(t, "with text"),
		Errors:    rapid.IntRange(0, 4).Draw(t, "errors") == 0,
	}
	if rapid.Bool().Draw(t, "from") {
		f.From = noon.Add(time.Duration(rapid.SampledFrom([]int{-172_800, -86_401, -43_200, 0, 1, 60, 3599}).Draw(t, "from second")) * time.Second)
	}
	if rapid.Bool().Draw(t, "to") {
		f.To = noon.Add(time.Duration(rapid.SampledFrom([]int{-43_200, -43_199, 0, 60, 3600, 7199, 7200, 50_000}).Draw(t, "to second")) * time.Second)
	}
	return f
}

func status(e wire.Event) int {
	if e.Response == nil {
		return 0
	}
	return e.Response.Status
}

func failed(e wire.Event) bool { return status(e) >= 400 || status(e) == 0 }

func pathOf(e wire.Event) (path, query string) {
	path, query, _ = strings.Cut(strings.TrimPrefix(e.Request.URI, "https://h"), "?")
	return path, query
}

func routeOf(e wire.Event) string {
	if path, _ := pathOf(e); path != "/a" {
		return "/b/{id}"
	}
	return "/a"
}

// selects is a direct reading of Filter's documentation.
func selects(f Filter, e wire.Event) bool {
	path, query := pathOf(e)
	text := strings.ToLower(strings.Join([]string{path, query, routeOf(e), e.UserID, e.CompanyID, e.TransactionID}, "\n"))
	class := strings.TrimSuffix(f.Status, "xx")
	return (f.From.IsZero() || !e.Request.Time.Before(f.From)) &&
		(f.To.IsZero() || e.Request.Time.Before(f.To)) &&
		(f.UserID == "" || f.UserID == e.UserID) &&
		(f.CompanyID == "" || f.CompanyID == e.CompanyID) &&
		(f.Route == "" || f.Route == routeOf(e)) &&
		(f.Verb == "" || strings.EqualFold(f.Verb, e.Request.Verb)) &&
		(f.Path == "" || f.Path == path) &&
		(f.Status == "" || f.Status == fmt.Sprint(status(e)) || class != f.Status && class == fmt.Sprint(status(e)/100)) &&
		(f.Text == "" || strings.Contains(text, strings.ToLower(f.Text))) &&
		(!f.Errors || failed(e))
}

func chosen(f Filter, events []wire.Event) []wire.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e wire.Event) bool { return !selects(f, e) })
}

func keyOf(by string, e wire.Event) string {
	switch by {
	case ByUser:
		return e.UserID
	case ByCompany:
		return e.CompanyID
	case ByRoute:
		return routeOf(e)
	case ByStatus:
		return fmt.Sprint(status(e))
	case ByVerb:
		return e.Request.Verb
	}
	return ""
}

func groupBy(by string, events []wire.Event) map[string][]wire.Event {
	groups := map[string][]wire.Event{}
	for _, e := range events {
		groups[keyOf(by, e)] = append(groups[keyOf(by, e)], e)
	}
	return groups
}

// usage sums up.
func usage(events []wire.Event) (calls, errors int64, latency Latency) {
	var us []int64
	for _, e := range events {
		calls += int64(e.Weight)
		if failed(e) {
			errors += int64(e.Weight)
		}
		if e.Response != nil {
			us = append(us, e.Response.Time.Sub(e.Request.Time).Microseconds())
		}
	}
	slices.Sort(us)
	quantile := func(q float64) *float64 {
		if len(us) == 0 {
			return nil
		}
		i := int(math.Ceil(q*float64(len(us)))) - 1
		ms := float64(us[i]) / 1000
		return &ms
	}
	return calls, errors, Latency{quantile(0.5), quantile(0.95), quantile(0.99)}
}

// same compares with what rollups promise: 2 %, and a microsecond.
func same(got, want Latency) bool {
	for _, v := range [][2]*float64{{got.P50, want.P50}, {got.P95, want.P95}, {got.P99, want.P99}} {
		if (v[0] == nil) != (v[1] == nil) || v[0] != nil && math.Abs(*v[0]-*v[1]) > 0.02*(*v[1])+0.001001 {
			return false
		}
	}
	return true
}

func show(l Latency) string {
	var s strings.Builder
	for _, v := range []*float64{l.P50, l.P95, l.P99} {
		if v == nil {
			s.WriteString(" -")
			continue
		}
		fmt.Fprintf(&s, " %.3f", *v)
	}
	return s.String()
}

// keysByCalls returns the keys, most calls first.
func keysByCalls(groups map[string][]wire.Event) []string {
	return slices.SortedFunc(maps.Keys(groups), func(a, b string) int {
		callsA, _, _ := usage(groups[a])
		callsB, _, _ := usage(groups[b])
		return cmp.Or(cmp.Compare(callsB, callsA), cmp.Compare(a, b))
	})
}

// check runs f on random events and filters, each time in an application of its own.
func check(t *testing.T, f func(rt *rapid.T, s *Store, filter Filter, events []wire.Event)) {
	s := open(t)
	var runs atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		filter, events := drawFilter(rt), drawEvents(rt)
		filter.App = fmt.Sprint("app", runs.Add(1))
		loadParts(rt, t, s, filter.App, events)
		f(rt, s, filter, events)
	})
}

// loadParts loads the events in parts, of which the first are rolled up, one by one.
func loadParts(rt *rapid.T, t *testing.T, s *Store, app string, events []wire.Event) {
	for parts := rapid.IntRange(0, 2).Draw(rt, "parts rolled up"); parts > 0; parts-- {
		n := rapid.IntRange(0, len(events)).Draw(rt, "events of the part")
		loadNext(t, s, app, noon.Add(2*time.Hour), events[:n]...)
		events = events[n:]
		if err := s.rollUp(t.Context()); err != nil {
			rt.Fatal(err)
		}
	}
	loadNext(t, s, app, noon.Add(2*time.Hour), events...)
}

func TestListPagesThroughEverythingOnce(t *testing.T) {
	check(t, func(rt *rapid.T, s *Store, f Filter, events []wire.Event) {
		want := chosen(f, events)
		slices.SortFunc(want, func(a, b wire.Event) int {
			return cmp.Or(b.Request.Time.Compare(a.Request.Time), cmp.Compare(b.TransactionID, a.TransactionID))
		})
		page := Page{Limit: rapid.IntRange(1, 12).Draw(rt, "limit")}
		var got []wire.Event
		for {
			events, next, err := s.List(t.Context(), f, page)
			if err != nil {
				rt.Fatal(err)
			}
			if len(events) > page.Limit || next != "" && len(events) != page.Limit {
				rt.Fatalf("a page of %d events, limit %d, next %q", len(events), page.Limit, next)
			}
			got = append(got, events...)
			if page.Cursor = next; next == "" {
				break
			}
		}
		if g, w := wire.AppendEvents(nil, got), wire.AppendEvents(nil, want); string(g) != string(w) {
			rt.Fatalf("got  %s\nwant %s", g, w)
		}
	})
}

// What came late is older than all that is rolled up.
func TestListPagesThroughWhatCameLate(t *testing.T) {
	s := open(t)
	loadNext(t, s, "app", noon, call("a", 0))
	if err := s.rollUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	loadNext(t, s, "app", noon, call("b", -3600), call("c", -7200), call("d", -7201))
	var got []string
	for page := (Page{Limit: 1}); len(got) < 5; {
		events, next, err := s.List(t.Context(), Filter{App: "app"}, page)
		if err != nil {
			t.Fatal(err)
		}
		for i := range events {
			got = append(got, events[i].TransactionID)
		}
		if page.Cursor = next; next == "" {
			break
		}
	}
	if want := []string{"a", "b", "c", "d"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTopFollowsTheModel(t *testing.T) {
	check(t, func(rt *rapid.T, s *Store, f Filter, events []wire.Event) {
		by := rapid.SampledFrom([]string{ByTotal, ByUser, ByCompany, ByRoute, ByStatus, ByVerb}).Draw(rt, "by")
		limit := rapid.IntRange(1, 5).Draw(rt, "rows")
		got, err := s.Top(t.Context(), f, by, limit)
		if err != nil {
			rt.Fatal(err)
		}
		want := chosen(f, events)
		compareRow(rt, "total", got.Total, want)
		groups := groupBy(by, want)
		keys := keysByCalls(groups)
		keys = keys[:min(limit, len(keys))]
		if len(got.Rows) != len(keys) {
			rt.Fatalf("%d rows, want %q", len(got.Rows), keys)
		}
		for i, key := range keys {
			if got.Rows[i].Key != key {
				rt.Fatalf("row %d is %q, want %q", i, got.Rows[i].Key, key)
			}
			compareRow(rt, key, got.Rows[i], groups[key])
		}
	})
}

func compareRow(t *rapid.T, name string, r Row, events []wire.Event) {
	t.Helper()
	calls, errors, latency := usage(events)
	var last time.Time
	for _, e := range events {
		if e.Request.Time.After(last) {
			last = e.Request.Time
		}
	}
	if r.Calls != calls || r.Errors != errors || !same(r.Latency, latency) || !r.LastSeen.Equal(last) {
		t.Fatalf("%s: %+v%s, want %d calls, %d errors,%s, last %s", name, r, show(r.Latency), calls, errors, show(latency), last)
	}
}

func TestCustomersFollowTheModel(t *testing.T) {
	check(t, func(rt *rapid.T, s *Store, f Filter, events []wire.Event) {
		by := rapid.SampledFrom([]string{ByUser, ByCompany}).Draw(rt, "by")
		got, err := s.Customers(t.Context(), f, by)
		if err != nil {
			rt.Fatal(err)
		}
		groups := groupBy(by, chosen(f, events))
		delete(groups, "")
		keys := keysByCalls(groups)
		if len(got) != len(keys) {
			rt.Fatalf("%d customers, want %q", len(got), keys)
		}
		for i, key := range keys {
			c := got[i]
			users := groupBy(ByUser, groups[key])
			delete(users, "")
			first := groups[key][0].Request.Time
			for _, e := range groups[key] {
				if e.Request.Time.Before(first) {
					first = e.Request.Time
				}
			}
			if c.ID != key || c.Users != int64(len(users)) || !c.FirstSeen.Equal(first) {
				rt.Fatalf("%+v, want %q with %d users, first seen %s", c, key, len(users), first)
			}
			compareRow(rt, key, Row{Calls: c.Calls, Errors: c.Errors, LastSeen: c.LastSeen, Latency: c.Latency}, groups[key])
		}
	})
}

func TestSeriesFollowsTheModel(t *testing.T) {
	check(t, func(rt *rapid.T, s *Store, f Filter, events []wire.Event) {
		by := rapid.SampledFrom([]string{ByTotal, ByUser, ByCompany, ByRoute, ByStatus}).Draw(rt, "by")
		n := rapid.IntRange(1, 4).Draw(rt, "groups")
		interval := rapid.SampledFrom([]time.Duration{0, 150 * time.Second, 2 * time.Minute, 7 * time.Minute, time.Hour, day}).Draw(rt, "interval")
		want := chosen(f, events)
		got, err := s.Series(t.Context(), f, by, interval, n)
		if points := pointsOf(f, interval, want); points > maxPoints {
			if !errors.Is(err, ErrQuestion) || !strings.Contains(err.Error(), fmt.Sprintf("into %d points", points)) {
				rt.Fatalf("%v, want a bad question: %d points", err, points)
			}
			return
		}
		if err != nil {
			rt.Fatal(err)
		}
		type line struct {
			key    string
			others bool
			events []wire.Event
		}
		var lines []line
		groups := groupBy(by, want)
		for i, key := range keysByCalls(groups) {
			switch {
			case i < n:
				lines = append(lines, line{key: key, events: groups[key]})
			case i == n:
				lines = append(lines, line{OthersKey, true, groups[key]})
			default:
				lines[n].events = append(lines[n].events, groups[key]...)
			}
		}
		if by == ByTotal && len(lines) == 0 && got.From.Before(got.To) {
			lines = []line{{}}
		}
		if len(got.Groups) != len(lines) {
			rt.Fatalf("%d groups, want %d", len(got.Groups), len(lines))
		}
		for i, l := range lines {
			g := got.Groups[i]
			calls, _, _ := usage(l.events)
			if g.Key != l.key || g.Others != l.others || g.Calls != calls {
				rt.Fatalf("group %d: %q %v %d calls, want %q %v %d", i, g.Key, g.Others, g.Calls, l.key, l.others, calls)
			}
			comparePoints(rt, got, g.Points, l.events)
		}
	})
}

// pointsOf is how many intervals a series touches: the range of f, where open that of the events.
func pointsOf(f Filter, interval time.Duration, events []wire.Event) int {
	if interval == 0 || len(events) == 0 && (f.From.IsZero() || f.To.IsZero()) {
		return 0
	}
	from, to := f.From, f.To
	for _, e := range events {
		at := e.Request.Time
		if f.From.IsZero() && (from.IsZero() || at.Before(from)) {
			from = at
		}
		if end := at.Add(time.Microsecond); f.To.IsZero() && end.After(to) {
			to = end
		}
	}
	return int((to.UnixMicro()-1)/interval.Microseconds()-from.UnixMicro()/interval.Microseconds()) + 1
}

func comparePoints(t *rapid.T, s Series, points []Point, events []wire.Event) {
	t.Helper()
	at := map[int64][]wire.Event{}
	for _, e := range events {
		start := e.Request.Time.UnixMicro() / s.Interval.Microseconds() * s.Interval.Microseconds()
		at[start] = append(at[start], e)
	}
	if first := points[0].Time; first.After(s.From) || !first.Add(s.Interval).After(s.From) {
		t.Fatalf("first point %s, from %s, interval %s", first, s.From, s.Interval)
	}
	if last := points[len(points)-1].Time; !last.Before(s.To) || last.Add(s.Interval).Before(s.To) {
		t.Fatalf("last point %s, to %s, interval %s", last, s.To, s.Interval)
	}
	for i, p := range points {
		if i > 0 && p.Time.Sub(points[i-1].Time) != s.Interval {
			t.Fatalf("a gap before %s", p.Time)
		}
		calls, errors, latency := usage(at[p.Time.UnixMicro()])
		if p.Calls != calls || p.Errors != errors || !same(p.Latency, latency) {
			t.Fatalf("%s: %+v%s, want %d calls, %d errors,%s", p.Time, p, show(p.Latency), calls, errors, show(latency))
		}
		delete(at, p.Time.UnixMicro())
	}
	if len(at) > 0 {
		t.Fatalf("%d intervals have no point", len(at))
	}
}

func TestListReadsBodiesOnlyWhenAsked(t *testing.T) {
	s := open(t)
	e := call("1", 0)
	e.Request.Body = []byte(`{"secret":1}`)
	loadNext(t, s, "a", noon, e, call("2", 0), call("3", 1))
	for _, bodies := range []bool{true, false} {
		events, _, err := s.List(t.Context(), Filter{App: "a"}, Page{Bodies: bodies})
		if err != nil || len(events) != 3 {
			t.Fatalf("%d events, %v", len(events), err)
		}
		if got := string(events[2].Request.Body); (got != "") != bodies {
			t.Errorf("bodies %v: %q", bodies, got)
		}
	}
}

func TestABriefListHasWhatAListShows(t *testing.T) {
	s := open(t)
	ours := call("1", 0)
	ours.UserID, ours.CompanyID, ours.SessionToken, ours.BlockedBy = "u", "c", "s", "64ca685a833073c6b41b15f3"
	ours.Metadata = []byte(`{"gatemeter":{"route":"/orders","identity":"claimed","refused":"blocked"},"plan":"pro"}`)
	ours.Request.Headers = wire.Headers{{Name: "Accept", Value: "text/plain"}}
	ours.Request.IPAddress, ours.Request.APIVersion = "203.0.113.7", "2"
	ours.Response.Headers = wire.Headers{{Name: "Vary", Value: "Accept"}}
	ours.Response.Body = []byte(`{"n":1}`)
	others := call("2", 1)
	others.UserID, others.Metadata = "u", []byte(`{"plan":"pro"}`)
	loadNext(t, s, "a", noon, ours, others, call("3", 2))
	want := wire.Event{
		TransactionID: "1", UserID: "u", CompanyID: "c", BlockedBy: ours.BlockedBy, Weight: 1,
		Metadata: []byte(`{"gatemeter":{"identity":"claimed","refused":"blocked"}}`),
		Request:  wire.Request{Time: ours.Request.Time, Verb: ours.Request.Verb, URI: "/orders", ContentLength: -1},
		Response: &wire.Response{Time: ours.Response.Time, Status: ours.Response.Status, ContentLength: -1},
	}
	for _, f := range []Filter{{App: "a"}, {App: "a", UserID: "u"}} {
		list, _, err := s.List(t.Context(), f, Page{Bodies: true, Brief: true})
		if err != nil || len(list) < 2 {
			t.Fatalf("%d events, %v", len(list), err)
		}
		if got := list[len(list)-1]; !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: %+v\nwant %+v", f, got, want)
		}
		if got := list[len(list)-2]; got.UserID != "u" || got.Metadata != nil {
			t.Errorf("%+v: of another SDK: %+v", f, got)
		}
	}
}

func TestCallsOfOneInstantAreListedByTheirIDs(t *testing.T) {
	s := open(t)
	var want []string
	add := func(from, to int) {
		var events []wire.Event
		for n := from; n < to; n++ {
			e := call(fmt.Sprintf("%03d", (n*37)%100), 0) // not in the order of their ids
			e.UserID = "u"
			events = append(events, e)
		}
		loadNext(t, s, "a", noon, events...)
	}
	add(0, 60)
	if err := s.rollUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	add(60, 100)
	newest := call("newest", 1)
	newest.UserID = "u"
	loadNext(t, s, "a", noon, newest)
	want = append(want, "newest")
	for n := 99; n >= 0; n-- {
		want = append(want, fmt.Sprintf("%03d", n))
	}
	for _, limit := range []int{1, 2, 7, 60, 100, 101, 102} {
		var got []string
		for cursor := "-"; cursor != ""; {
			list, next, err := s.List(t.Context(), Filter{App: "a", UserID: "u"}, Page{Limit: limit, Cursor: strings.Trim(cursor, "-"), Brief: true})
			if err != nil {
				t.Fatal(err)
			}
			for i := range list {
				got = append(got, list[i].TransactionID)
			}
			cursor = next
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %q", limit, got)
		}
	}
}

func TestAnApplicationSeesOnlyItsOwn(t *testing.T) {
	s := open(t)
	loadNext(t, s, "a", noon, call("same", 0))
	loadNext(t, s, "b", noon, call("same", 5), call("other", 5))
	if events, _, err := s.List(t.Context(), Filter{App: "a"}, Page{}); err != nil || len(events) != 1 {
		t.Errorf("%d events, %v", len(events), err)
	}
	if _, err := s.Get(t.Context(), "a", "other"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want %v", err, ErrNotFound)
	}
}

func TestQuestionsThatCannotBeAnswered(t *testing.T) {
	s := open(t)
	ok := Filter{App: "a", From: noon, To: noon.Add(time.Hour)}
	list := func(f Filter, p Page) func() error {
		return func() error { _, _, err := s.List(t.Context(), f, p); return err }
	}
	series := func(by string, interval time.Duration, groups int) func() error {
		return func() error { _, err := s.Series(t.Context(), ok, by, interval, groups); return err }
	}
	for want, ask := range map[string]func() error{
		`bad question: app: must not be empty`:                                                                  list(Filter{}, Page{}),
		`bad question: status: must be a number like 404 or a class like 4xx (got "teapot")`:                    list(Filter{App: "a", Status: "teapot"}, Page{}),
		`bad question: status: must be a number like 404 or a class like 4xx (got "-1")`:                        list(Filter{App: "a", Status: "-1"}, Page{}),
		`bad question: limit: must not be negative (got -1)`:                                                    list(ok, Page{Limit: -1}),
		`bad question: cursor: not one that a list has returned (got "x")`:                                      list(ok, Page{Cursor: "x"}),
		`bad question: cursor: not one that a list has returned (got "OTk5OTk5OTk5OTk5OTk5OTk5OTphYg")`:         list(ok, Page{Cursor: "OTk5OTk5OTk5OTk5OTk5OTk5OTphYg"}),
		`bad question: by: must be user, company, route, status or verb (got "verb; DROP TABLE events")`:        series("verb; DROP TABLE events", 0, 0),
		`bad question: groups: must not be negative (got -1)`:                                                   series(ByUser, 0, -1),
		`bad question: interval: must be a number of whole seconds (got 1.5s)`:                                  series(ByUser, 1500*time.Millisecond, 0),
		`bad question: interval: 1s cuts the range into 3600 points, at most 2000 are possible: make it longer`: series(ByUser, time.Second, 0),
		`bad question: by: must be user or company (got "route")`:                                               func() error { _, err := s.Customers(t.Context(), ok, ByRoute); return err },
	} {
		err := ask()
		if !errors.Is(err, ErrQuestion) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestChooseInterval(t *testing.T) {
	for length, want := range map[time.Duration]time.Duration{
		0:               time.Second,
		2 * time.Minute: time.Second,
		time.Hour:       30 * time.Second,
		24 * time.Hour:  15 * time.Minute,
		7 * day:         2 * time.Hour,
		30 * day:        6 * time.Hour,
		365 * day:       7 * day,
		100 * 365 * day: 305 * day,
	} {
		if got := ChooseInterval(length); got != want {
			t.Errorf("%s: %s, want %s", length, got, want)
		}
	}
}
