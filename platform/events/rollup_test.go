package events

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// answers asks everything that rollups can answer.
func answers(t *testing.T, s *Store) map[string]any {
	t.Helper()
	all := map[string]any{}
	f := Filter{App: "a"}
	of, failed, route := f, f, f
	of.CompanyID, failed.Errors, route.Route = "company-3", true, "/orders/{id}"
	for name, f := range map[string]Filter{"all": f, "of a company": of, "failed": failed, "of a route": route} {
		for _, by := range []string{ByTotal, ByCompany, ByRoute, ByUser} {
			if f.rollups(by, false) == nil {
				continue
			}
			table, err := s.Top(t.Context(), f, by, 1000)
			if err != nil {
				t.Fatal(err)
			}
			series, err := s.Series(t.Context(), f, by, day, 3)
			if err != nil {
				t.Fatal(err)
			}
			all[name+" top by "+by], all[name+" series by "+by] = table, series
		}
		if f.rollups(ByCompany, true) != nil {
			customers, err := s.Customers(t.Context(), f, ByCompany)
			if err != nil {
				t.Fatal(err)
			}
			all[name+" customers"] = customers
		}
	}
	return all
}

func someEvents(n int) []wire.Event {
	rng := rand.New(rand.NewPCG(3, 3))
	events := make([]wire.Event, n)
	for i := range events {
		events[i] = randomEvent(rng, noon.Add(-time.Duration(rng.IntN(3*86_400))*time.Second))
		events[i].Weight = 1 + rng.IntN(3)
	}
	return events
}

func TestWhatIsRolledUpIsAnsweredWithoutTheEvents(t *testing.T) {
	s := open(t)
	events := someEvents(3000)
	for part := range slices.Chunk(events, 700) { // each with events of all three days
		loadNext(t, s, "a", noon, part...)
		if err := s.rollUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := answers(t, s)
	table := want["all top by company"].(Table)
	if calls, errors, latency := usage(events); table.Total.Calls != calls || table.Total.Errors != errors || !same(table.Total.Latency, latency) {
		t.Errorf("total %+v, want %d calls, %d errors,%s", table.Total, calls, errors, show(latency))
	}
	if _, err := s.db.ExecContext(t.Context(), "DELETE FROM events"); err != nil {
		t.Fatal(err)
	}
	if got := answers(t, s); !reflect.DeepEqual(got, want) {
		t.Errorf("without the events: %v\nwith them: %v", got, want)
	}
}

func TestALoadRollsUpWhatIsManyOrOld(t *testing.T) {
	s := open(t)
	tailOf := func() int64 {
		t.Helper()
		measured, err := measureTail(t.Context(), s.db)
		if err != nil {
			t.Fatal(err)
		}
		if measured.events != s.tail.events {
			t.Errorf("the tail has %d events, remembered are %d", measured.events, s.tail.events)
		}
		return measured.events
	}
	loadNext(t, s, "a", noon, call("1", 0))
	loadNext(t, s, "a", noon.Add(maxTailAge-time.Second), call("2", 0))
	if got := tailOf(); got != 2 {
		t.Errorf("a tail of %d events, want 2", got)
	}
	if err := s.Reopen(t.Context()); err != nil {
		t.Fatal(err)
	}
	loadNext(t, s, "a", noon.Add(maxTailAge), call("3", 0))
	if got := tailOf(); got != 0 {
		t.Errorf("old events stay in a tail of %d", got)
	}
	many := make([]wire.Event, maxTail)
	for i := range many {
		many[i] = call(fmt.Sprint(i), i%60)
	}
	loadNext(t, s, "a", noon.Add(maxTailAge), many...)
	if got := tailOf(); got != 0 {
		t.Errorf("many events stay in a tail of %d", got)
	}
	table, err := s.Top(t.Context(), Filter{App: "a"}, ByTotal, 1)
	if err != nil || table.Total.Calls != maxTail+3 {
		t.Errorf("%d calls, %v", table.Total.Calls, err)
	}
}

func TestAStoreOfThePreviousSchemaIsRolledUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.duckdb")
	writeVersion1(t, path, int(maxTail))
	s, err := Open(path, Options{MemoryLimit: 512 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if s.tail.events != 0 {
		t.Errorf("a tail of %d events", s.tail.events)
	}
	loadNext(t, s, "a", noon.Add(time.Hour), call("new", 0))
	f := Filter{App: "a"}
	table, err := s.Top(t.Context(), f, ByCompany, 3)
	if err != nil {
		t.Fatal(err)
	}
	if n := table.Total.Calls; n != maxTail+1 || len(table.Rows) != 3 || table.Rows[0].Key != "c0" || table.Rows[0].Calls != maxTail/2 {
		t.Errorf("%+v", table)
	}
	list, _, err := s.List(t.Context(), f, Page{Limit: 3, Bodies: true})
	if err != nil || len(list) != 3 || list[1].UserID != "u9" || string(list[1].Request.Body) != `{"n":99999}` {
		t.Errorf("%+v, %v", list, err)
	}
	list, _, err = s.List(t.Context(), Filter{App: "a", UserID: "u9"}, Page{Limit: 2})
	if err != nil || len(list) != 2 || list[0].TransactionID != "id99999" || list[1].TransactionID != "id99989" {
		t.Errorf("of a user: %+v, %v", list, err)
	}
}

func TestDurationsAreWithin2Percent(t *testing.T) {
	s := open(t)
	rng := rand.New(rand.NewPCG(1, 2))
	var d durations
	for i := range 300 {
		us := int64(math.Exp(rng.Float64() * 43)) // up to 150,000 years
		if i < 50 {
			us = int64(i)
		}
		var letter string
		if err := s.db.QueryRowContext(t.Context(), "SELECT chr(256 + duration_bucket(?::BIGINT))", us).Scan(&letter); err != nil {
			t.Fatal(err)
		}
		got := d.latency(letter)
		if want := float64(us) / 1000; math.Abs(*got.P50-want) > 0.02*want+0.001001 {
			t.Errorf("%d µs: %g ms", us, *got.P50)
		}
	}
}

func TestDurationsAddUpByJoining(t *testing.T) {
	var d durations
	d.reset("Ā3ā12Ȁ" + "Ā" + "ā10")
	if d.total != 27 || d.counts[0] != 4 || d.counts[1] != 22 || d.counts[0x100] != 1 {
		t.Errorf("%d: %v", d.total, d.counts[:d.used])
	}
	if d.reset(""); d.total != 0 || d.quantile(0.5) != nil {
		t.Errorf("nothing is %d", d.total)
	}
}

func TestARangeIsCoveredFromCoarseToFine(t *testing.T) {
	at := func(d, h, m, s int) time.Time { return time.Date(2026, 11, d, h, m, s, 0, time.UTC) }
	for name, c := range map[string]struct {
		from, to time.Time
		want     string
	}{
		"everything":     {time.Time{}, time.Time{}, "traffic_day . ."},
		"from somewhere": {at(1, 22, 58, 30), time.Time{}, " 1T22:58:30 1T22:59:00, traffic_minute 1T22:59:00 1T23:00:00, traffic_hour 1T23:00:00 2T00:00:00, traffic_day 2T00:00:00 ."},
		"till somewhere": {time.Time{}, at(3, 1, 0, 1), "traffic_day . 3T00:00:00, traffic_hour 3T00:00:00 3T01:00:00,  3T01:00:00 3T01:00:01"},
		"an hour":        {at(1, 1, 0, 0), at(1, 2, 0, 0), "traffic_hour 1T01:00:00 1T02:00:00"},
		"seconds":        {at(1, 1, 0, 1), at(1, 1, 0, 59), " 1T01:00:01 1T01:00:59"},
		"nothing":        {at(1, 1, 0, 0), at(1, 1, 0, 0), ""},
	} {
		var got string
		show := func(t time.Time) string {
			if t.IsZero() {
				return "."
			}
			return t.Format("2T15:04:05")
		}
		for i, p := range cover(c.from, c.to, trafficRollups) {
			if i > 0 {
				got += ", "
			}
			got += p.rollup.table + " " + show(p.from) + " " + show(p.to)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
