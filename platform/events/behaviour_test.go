package events

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"pgregory.net/rapid"
)

func drawBehaviour(t *rapid.T) Behaviour {
	some := func(label string, values ...string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(values), 0, 2, rapid.ID[string]).Draw(t, label)
	}
	b := Behaviour{
		Routes:   some("routes", "/a", "/b/{id}", "/nowhere"),
		Verbs:    some("verbs", "get", "POST"),
		Statuses: some("statuses", "404", "2xx", "5xx", "0"),
	}
	if rapid.Bool().Draw(t, "since") {
		b.From = noon.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 60, 3599, 7300}).Draw(t, "since second")) * time.Second)
	}
	return b
}

// chooses is a direct reading of Behaviour's documentation.
func (b Behaviour) chooses(e wire.Event) bool {
	one := func(list []string, match func(string) bool) bool {
		return len(list) == 0 || slices.ContainsFunc(list, match)
	}
	return !e.Request.Time.Before(b.From) &&
		one(b.Routes, func(r string) bool { return r == routeOf(e) }) &&
		one(b.Verbs, func(v string) bool { return strings.EqualFold(v, e.Request.Verb) }) &&
		one(b.Statuses, func(s string) bool { return selects(Filter{Status: s}, e) })
}

func TestBehaviourFollowsTheModel(t *testing.T) {
	check(t, func(rt *rapid.T, s *Store, f Filter, list []wire.Event) {
		by := rapid.SampledFrom([]string{ByUser, ByCompany}).Draw(rt, "by")
		selections := rapid.SliceOfN(rapid.Custom(drawBehaviour), 1, 3).Draw(rt, "selections")
		want := map[string][]Behaved{}
		for i, b := range selections {
			for _, e := range list {
				id := keyOf(by, e)
				if id == "" || !b.chooses(e) {
					continue
				}
				if want[id] == nil {
					want[id] = make([]Behaved, len(selections))
				}
				of := &want[id][i]
				of.Events++
				of.Calls += int64(e.Weight)
				if failed(e) {
					of.Errors += int64(e.Weight)
				}
				if at := e.Request.Time; of.First.IsZero() || at.Before(of.First) {
					of.First = at
				}
				if at := e.Request.Time; at.After(of.Last) {
					of.Last = at
				}
			}
		}
		got := map[string][]Behaved{}
		err := s.Behave(t.Context(), f.App, by, selections, func(id string, of []Behaved) error {
			if got[id] != nil {
				rt.Errorf("%q comes twice", id)
			}
			got[id] = slices.Clone(of)
			return nil
		})
		if err != nil {
			rt.Fatal(err)
		}
		for id := range got { // who made none of the calls may come, with nothing
			if want[id] == nil {
				want[id] = make([]Behaved, len(selections))
			}
		}
		for id := range want {
			if !slices.Equal(got[id], want[id]) {
				rt.Errorf("%q: got %+v, want %+v", id, got[id], want[id])
			}
		}
	})
}

func TestBehavioursThatCannotBeTold(t *testing.T) {
	s := open(t)
	for want, ask := range map[string]struct {
		app, by    string
		selections []Behaviour
	}{
		`bad question: app: must not be empty`:                                                   {"", ByUser, []Behaviour{{}}},
		`bad question: by: must be user or company (got "verb")`:                                 {"a", ByVerb, []Behaviour{{}}},
		`bad question: selections: there must be 1 to 20 (got 0)`:                                {"a", ByUser, nil},
		`bad question: selections: there must be 1 to 20 (got 21)`:                               {"a", ByUser, make([]Behaviour, 21)},
		`bad question: status: must not be empty`:                                                {"a", ByUser, []Behaviour{{Statuses: []string{""}}}},
		`bad question: status: must be a number like 404 or a class like 4xx (got "1) OR (1=1")`: {"a", ByUser, []Behaviour{{Statuses: []string{"1) OR (1=1"}}}},
	} {
		err := s.Behave(t.Context(), ask.app, ask.by, ask.selections, nil)
		if !errors.Is(err, ErrQuestion) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	stop := errors.New("stop")
	e := call("1", 0)
	e.UserID = "ada"
	loadNext(t, s, "a", noon, e)
	if err := s.Behave(t.Context(), "a", ByUser, []Behaviour{{}}, func(string, []Behaved) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

// BenchmarkBehaviour asks about 100,000 users who made 2 million calls.
func BenchmarkBehaviour(b *testing.B) {
	s := open(b)
	rng := rand.New(rand.NewPCG(1, 1))
	const block, blocks, users = 50_000, 40, 100_000
	list := make([]wire.Event, block)
	for n := range blocks {
		for i := range list {
			e := call("", n*block+i)
			e.UserID = "user-" + string(rune('a'+rng.IntN(26))) + time.Duration(rng.IntN(users/26)).String()
			e.Response.Status = 200 + 300*(rng.IntN(20)/19)
			list[i] = e
		}
		if err := s.Load(b.Context(), 0, []Block{{Seq: uint64(n + 1), App: "a", ReceivedAt: noon, Events: list}}); err != nil {
			b.Fatal(err)
		}
	}
	selections := []Behaviour{{From: noon.Add(24 * time.Hour)}, {From: noon, Statuses: []string{"5xx"}}, {From: noon, Verbs: []string{"POST"}}}
	for b.Loop() {
		n := 0
		err := s.Behave(context.Background(), "a", ByUser, selections, func(string, []Behaved) error { n++; return nil })
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(n), "users")
	}
}
