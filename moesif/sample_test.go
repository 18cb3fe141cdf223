package moesif

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func TestWeightsAddUpToTheCallsToWithinOneWeight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s sampler
		customers := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) customer {
			return customer{fmt.Sprint("user", rapid.IntRange(0, 9).Draw(t, "user")), "acme", rapid.IntRange(1, 100).Draw(t, "rate")}
		}), 1, 5, rapid.ID).Draw(t, "customers")
		calls, weights := make([]int, len(customers)), make([]int, len(customers))
		for range rapid.IntRange(0, 2000).Draw(t, "calls") {
			i := rapid.IntRange(0, len(customers)-1).Draw(t, "who")
			calls[i]++
			weights[i] += s.weigh(customers[i])
		}
		for i, c := range customers {
			most := (100+c.rate-1)/c.rate + 1 // the largest weight: a remainder may be carried
			if off := calls[i] - weights[i]; off > most || -off > most {
				t.Fatalf("%+v: %d calls, weights of %d", c, calls[i], weights[i])
			}
		}
	})
}

func TestTheRemainderOfAStrideIsCarried(t *testing.T) {
	var s sampler
	reported, sum := 0, 0
	for range 10_000 {
		if w := s.weigh(customer{"u", "c", 30}); w > 0 {
			reported++
			sum += w
			if w != 3 && w != 4 {
				t.Fatalf("a weight of %d", w)
			}
		}
	}
	if sum != 10_000 || reported != 3000 {
		t.Errorf("%d events stand for %d calls, want 3000 for 10000", reported, sum)
	}
}

func TestRatesAtTheEdges(t *testing.T) {
	var s sampler
	for rate, want := range map[int]int{100: 1, 250: 1, 0: 0, -5: 0} {
		for range 3 {
			if got := s.weigh(customer{"u", "", rate}); got != want {
				t.Errorf("rate %d: weight %d, want %d", rate, got, want)
			}
		}
	}
	if len(s.recent) > 0 {
		t.Error("edges are kept")
	}
}

func TestAnyCallOfAStrideMayBeTheOne(t *testing.T) {
	var s sampler
	seen := map[int]bool{}
	for i := range 4 * 200 {
		if s.weigh(customer{"u", "c", 25}) > 0 {
			seen[i%4] = true
		}
	}
	if len(seen) != 4 {
		t.Errorf("only the calls %v of a stride are reported: a pattern of four calls would hide", seen)
	}
}

func TestForgottenCustomersAreBounded(t *testing.T) {
	var s sampler
	for i := range 3 * maxCustomers {
		s.weigh(customer{fmt.Sprint(i), "", 50})
	}
	if len(s.recent) > maxCustomers || len(s.older) > maxCustomers {
		t.Errorf("%d and %d customers are kept", len(s.recent), len(s.older))
	}
	// Whoever calls again soon is still known.
	c := customer{"steady", "", 50}
	known := s.stride(c)
	for i := range maxCustomers {
		s.weigh(customer{fmt.Sprint("x", i), "", 50})
	}
	if s.stride(c) != known {
		t.Error("a customer that calls was forgotten")
	}
}
