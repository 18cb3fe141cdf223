package load

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/rules"
	"github.com/gatemeter/gatemeter/platform/state"
	"pgregory.net/rapid"
)

func openState(t testing.TB, dir string) *state.DB {
	t.Helper()
	db, err := state.Open(context.Background(), filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func atNoon() time.Time { return noon }

// sampledBy returns whether an SDK that is as regular as can be keeps the n-th call.
func sampledBy(rate, n int) bool { return (n+1)*rate/100 > n*rate/100 }

// TestEachCustomersWeightsAreItsCalls lets SDKs sample the calls of some customers at
// any rates, and loads what they send in any portions: some loads do not land,
// the loader starts anew, and a crash takes the store back to any load since it was
// synced. Each customer's sum of weights is its number
// of calls to within one weight.
func TestEachCustomersWeightsAreItsCalls(t *testing.T) {
	dir := t.TempDir()
	db := openState(t, dir)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		app := access.Application{ID: fmt.Sprint("app", run), Number: int64(run)}
		users := map[string]int{}
		for i := range rapid.IntRange(1, 4).Draw(rt, "users") {
			users[fmt.Sprint("u", i)] = rapid.IntRange(1, 100).Draw(rt, "rate")
		}
		if _, err := rules.New(db, atNoon).SetConfig(rt.Context(), app, rules.Config{SampleRate: 100, UserSampleRate: users}); err != nil {
			rt.Fatal(err)
		}
		w := NewWeights(db, atNoon)
		var journal []events.Block
		calls := map[string]int{}
		for seq := range uint64(rapid.IntRange(1, 60).Draw(rt, "blocks")) {
			b := events.Block{Seq: seq + 1, App: app.ID}
			for range rapid.IntRange(0, 40).Draw(rt, "calls") {
				user := rapid.SampledFrom(keys(users)).Draw(rt, "user")
				if sampledBy(users[user], calls[user]) {
					b.Events = append(b.Events, wire.Event{UserID: user, Weight: 100 / users[user], Request: wire.Request{Time: noon}})
				}
				calls[user]++
			}
			journal = append(journal, b)
		}
		store := make([]events.Block, len(journal))
		ends := []int{0} // of the loads since the store was synced
		for position := 0; position < len(journal); position = ends[len(ends)-1] {
			next := min(len(journal), position+rapid.IntRange(1, 3).Draw(rt, "portion"))
			blocks := copied(journal[position:next])
			if err := w.Correct(rt.Context(), uint64(position), uint64(ends[0]), blocks); err != nil {
				rt.Fatal(err)
			}
			if rapid.IntRange(0, 3).Draw(rt, "restart") == 0 {
				w = NewWeights(db, atNoon)
			}
			switch rapid.IntRange(0, 7).Draw(rt, "fate") {
			case 0: // it did not land
				continue
			case 1: // nor did some of those before
				ends = ends[:rapid.IntRange(1, len(ends)).Draw(rt, "left")]
				continue
			case 2:
				ends = ends[rapid.IntRange(0, len(ends)-1).Draw(rt, "synced"):]
			}
			copy(store[position:], blocks)
			ends = append(ends, next)
		}
		sums := map[string]int{}
		for _, b := range store {
			for _, e := range b.Events {
				sums[e.UserID] += e.Weight
			}
		}
		for user, n := range calls {
			one := (100 + users[user] - 1) / users[user]
			if off := sums[user] - n; off > one || off < -one {
				rt.Errorf("%s at %d %%: %d calls, weights of %d", user, users[user], n, sums[user])
			}
		}
	})
}

func keys(m map[string]int) (list []string) {
	for i := range len(m) {
		list = append(list, fmt.Sprint("u", i))
	}
	return list
}

func copied(blocks []events.Block) []events.Block {
	list := make([]events.Block, len(blocks))
	for i, b := range blocks {
		list[i] = b
		list[i].Events = append([]wire.Event{}, b.Events...)
	}
	return list
}

func TestOnlyRoundedWeightsAreCorrected(t *testing.T) {
	db := openState(t, t.TempDir())
	now := noon
	clock := func() time.Time { return now }
	app := access.Application{ID: "app", Number: 1}
	if _, err := rules.New(db, clock).SetConfig(t.Context(), app, rules.Config{SampleRate: 30}); err != nil {
		t.Fatal(err)
	}
	w := NewWeights(db, clock)
	event := func(weight int, metadata string) wire.Event {
		return wire.Event{Weight: weight, Metadata: []byte(metadata), Request: wire.Request{Time: noon}}
	}
	blocks := []events.Block{
		{Seq: 1, App: "app", Events: []wire.Event{
			event(3, ""), event(3, `{"gatemeter":{}}`), event(3, `{"opentelemetry":{}}`), event(3, `{"x":"gatemeter"}`), event(7, ""), event(3, ""), event(3, ""),
		}},
		{Seq: 2, App: "other", Events: []wire.Event{event(3, "")}},
	}
	if err := w.Correct(t.Context(), 0, 0, blocks); err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, b := range blocks {
		for _, e := range b.Events {
			got = append(got, e.Weight)
		}
	}
	// 100/30 four times: 3.33, 6.67, 10, 13.33.
	if want := "[3 3 3 3 7 4 3 3]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	var rows int
	count := func() int {
		t.Helper()
		if err := db.Reader().QueryRow("SELECT count(*) FROM sampling_carries").Scan(&rows); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	if count() != 1 {
		t.Errorf("%d carries", rows)
	}
	now = noon.Add(forgetCarries + time.Hour)
	blocks = []events.Block{{Seq: 3, App: "app", Events: []wire.Event{{UserID: "new", Weight: 3, Request: wire.Request{Time: now}}}}}
	if err := w.Correct(t.Context(), 2, 0, blocks); err != nil {
		t.Fatal(err)
	}
	if count() != 1 {
		t.Errorf("%d carries after the customers were forgotten", rows)
	}
}
