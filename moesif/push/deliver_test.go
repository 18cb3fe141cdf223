package push

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/gatemeter/gatemeter/moesif/queue"
)

func TestBisectFindsExactlyThePoison(t *testing.T) {
	for name, bad := range map[string][]int{
		"first": {0}, "last of a block": {7}, "last": {63}, "neighbours": {2, 3}, "pair at the end": {62, 63},
		"half a block": {4, 5, 6, 7}, "all but one": {8, 9, 10, 12, 13, 14, 15}, "many blocks": {0, 9, 18, 27, 36, 45, 54, 63},
		"a whole block": {16, 17, 18, 19, 20, 21, 22, 23}, "the first two blocks": span(0, 16), "all blocks but one": span(0, 56),
	} {
		for _, workers := range []int{1, 4} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := &collector{answer: poison(bad...)}
					q, p := start(t, c, Options{Concurrency: workers})
					put(q, span(0, 64)...)
					pass(5 * time.Minute)
					put(q, 64) // a good one: see the lone poison below
					if err := finish(t, p, time.Hour); err != nil {
						t.Fatal(err)
					}
					checkPoison(t, c, q, 65, bad)
					if _, taken := c.snapshot(); workers == 1 && !slices.IsSorted(taken) {
						t.Errorf("out of order: %v", taken)
					}
				})
			})
		}
	}
}

func TestBisectFindsAnyPoison(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 70).Draw(rt, "events")
		// The last event is good: see the lone poison below.
		bad := rapid.SliceOfNDistinct(rapid.IntRange(0, n-2), 0, n-1, rapid.ID[int]).Draw(rt, "bad")
		workers := rapid.IntRange(1, 4).Draw(rt, "workers")
		// Several workers may have the good one taken before a whole block of bad ones is refused first.
		later := workers > 1 || rapid.Bool().Draw(rt, "later")
		var (
			c   *collector
			q   *queue.Queue
			err error
		)
		synctest.Test(t, func(t *testing.T) {
			var p *Pusher
			c = &collector{answer: poison(bad...)}
			q, p = start(t, c, Options{Concurrency: workers})
			put(q, span(0, n-1)...)
			if later {
				pass(time.Hour)
			}
			put(q, n-1)
			err = finish(t, p, 24*time.Hour)
		})
		if err != nil {
			rt.Fatal(err)
		}
		checkPoison(rt, c, q, n, bad)
	})
}

func checkPoison(t rapid.TB, c *collector, q *queue.Queue, n int, bad []int) {
	t.Helper()
	s := q.Stats()
	if s.Sent != int64(n-len(bad)) || s.Rejected[RejectedInvalid] != int64(len(bad)) || s.Queued != 0 || s.QueuedBytes != 0 {
		t.Fatalf("%d of %d are bad: %+v", len(bad), n, s)
	}
	_, taken := c.snapshot()
	slices.Sort(taken)
	want := slices.DeleteFunc(span(0, n), func(id int) bool { return slices.Contains(bad, id) })
	if !slices.Equal(taken, want) {
		t.Fatalf("taken %v, want %v", taken, want)
	}
}

// One bad event alone looks like a collector that refuses everything, until the
// collector takes another.
func TestLonePoisonWaitsForTheNextEventAndHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{answer: poison(1, 2, 3)}
		q, _ := start(t, c, Options{})
		for id := 1; id <= 3; id++ {
			put(q, id)
			pass(5 * time.Minute)
			synctest.Wait()
			if s := balance(t, q, id); s.Queued != int64(id) {
				t.Fatalf("%+v", s)
			}
		}
		put(q, 4)
		pass(2 * time.Minute)
		synctest.Wait()
		if s := balance(t, q, 4); s.Sent != 1 || s.Rejected[RejectedInvalid] != 3 {
			t.Fatalf("%+v", s)
		}
	})
}

func TestPoisonInBlocksOfOneDoesNotSlowTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{answer: poison(10, 30, 50)}
		q := open(t, queue.Options{BatchSize: 1})
		p, err := New(Options{ApplicationID: "app", Transport: c, Concurrency: 1}, q)
		if err != nil {
			t.Fatal(err)
		}
		put(q, span(0, 100)...)
		synctest.Wait() // all blocks are sealed
		began := time.Now()
		if err := finish(t, p, time.Minute); err != nil {
			t.Fatal(err)
		}
		checkPoison(t, c, q, 100, []int{10, 30, 50})
		if took := time.Since(began); took != 0 {
			t.Errorf("paused for %v", took)
		}
	})
}

func TestCollectorThatRefusesEverythingPausesAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		c := &collector{answer: func([]int, *http.Request) (*http.Response, error) {
			if up.Load() {
				return status(201)
			}
			return status(400)
		}}
		log := &logger{}
		q, _ := start(t, c, Options{Logger: log.slog()})
		n := 0
		for range 30 { // minutes, with a block and a half more in each
			put(q, span(n, n+12)...)
			n += 12
			pass(time.Minute)
			synctest.Wait()
			if s := balance(t, q, n); s.Queued != int64(n) {
				t.Fatalf("%+v", s)
			}
		}
		calls, _ := c.snapshot()
		late := 0
		for _, at := range calls {
			if time.Since(at) <= 10*time.Minute {
				late++
			}
		}
		// Every half minute to a minute one block of 8 can be followed down: 15 pushes.
		if late > 20*15 {
			t.Errorf("%d pushes in the last ten minutes", late)
		}
		if lines := log.all(); len(lines) != 1 {
			t.Errorf("logged %q", lines)
		}
		up.Store(true)
		pass(time.Minute)
		synctest.Wait()
		if s := balance(t, q, n); s.Sent != int64(n) {
			t.Fatalf("%+v", s)
		}
	})
}

func TestTooLargeIsSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{answer: func(ids []int, _ *http.Request) (*http.Response, error) {
			if len(ids) > 3 || slices.Contains(ids, 5) {
				return status(413)
			}
			return status(201)
		}}
		q, p := start(t, c, Options{Concurrency: 1})
		put(q, span(0, 20)...)
		if err := finish(t, p, time.Minute); err != nil {
			t.Fatal(err)
		}
		if s := balance(t, q, 20); s.Sent != 19 || s.Rejected[RejectedTooLarge] != 1 {
			t.Fatalf("%+v", s)
		}
		want := slices.Delete(span(0, 20), 5, 6)
		if _, taken := c.snapshot(); !slices.Equal(taken, want) {
			t.Fatal(taken)
		}
	})
}

// The collector goes down in the middle of a search, and comes back.
func TestSearchGoesOnWhereTheCollectorLeftIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		find := poison(3)
		c := &collector{answer: func(ids []int, r *http.Request) (*http.Response, error) {
			if n++; n%2 == 0 {
				return status(503)
			}
			return find(ids, r)
		}}
		q, p := start(t, c, Options{Concurrency: 1})
		put(q, span(0, 16)...)
		if err := finish(t, p, time.Hour); err != nil {
			t.Fatal(err)
		}
		checkPoison(t, c, q, 16, []int{3})
	})
}
