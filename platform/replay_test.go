package platform_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestEveryBatchReplayedThreeTimesAcrossRestartsIsCountedOnce sends every batch three
// times, in any order, while the platform is stopped and started in between, and
// compares what it counts with a model that knows nothing of how it does that.
func TestEveryBatchReplayedThreeTimesAcrossRestartsIsCountedOnce(t *testing.T) {
	const batches, times, restarts, users = 60, 3, 4, 5
	rng := rand.New(rand.NewPCG(3, 1))
	at := ago(time.Minute, time.RFC3339Nano)
	type batch struct {
		path, body string
		ids        []string // "" has none
		users      []int
		rejected   int
	}
	list := make([]batch, batches)
	for i := range list {
		b := batch{path: "/v1/events/batch"}
		var items []string
		withIDs := rng.IntN(3) > 0
		for range 1 + rng.IntN(20) {
			user := rng.IntN(users)
			id := ""
			if withIDs {
				id = fmt.Sprint("id-", rng.IntN(400)) // also in other batches, beside others
			}
			event := strings.TrimSuffix(call(at, 200, fmt.Sprint("user-", user), ""), "}")
			if id != "" {
				user = 0 // an event is the same wherever it comes
				event = strings.TrimSuffix(call(at, 200, "user-0", ""), "}") + `,"transaction_id":"` + id + `"`
			} else {
				event += fmt.Sprintf(`,"metadata":{"batch":%d}`, i) // no two batches are equal
			}
			items, b.ids, b.users = append(items, event+"}"), append(b.ids, id), append(b.users, user)
		}
		if rng.IntN(4) == 0 {
			items, b.rejected = append(items, "7", call("2020-01-01T00:00:00Z", 200, "old", "")), 2
		}
		b.body = "[" + strings.Join(items, ",") + "]"
		list[i] = b
	}
	order := make([]int, 0, batches*times)
	for range times {
		order = append(order, rng.Perm(batches)...)
	}
	rng.Shuffle(len(order), func(i, k int) { order[i], order[k] = order[k], order[i] })

	dir := t.TempDir()
	s := start(t, dir)
	seenID, seenBatch, calls := map[string]bool{}, map[int]bool{}, map[string]int64{}
	var received, stored, duplicate, rejected int64
	for n, i := range order {
		if n > 0 && n%(len(order)/restarts) == 0 {
			if err := s.stop(); err != nil {
				t.Fatal(err)
			}
			s = start(t, dir)
		}
		b := list[i]
		s.collect(b.path, b.body)
		received += int64(len(b.ids) + b.rejected)
		rejected += int64(b.rejected)
		for k, id := range b.ids {
			if id != "" && seenID[id] || id == "" && seenBatch[i] {
				duplicate++
				continue
			}
			if id != "" {
				seenID[id] = true
			}
			stored++
			calls[fmt.Sprint("user-", b.users[k])]++
		}
		seenBatch[i] = true
	}
	type balance struct {
		Received, Stored, Duplicate int64
		InFlight                    int64 `json:"in_flight"`
		Rejected                    map[string]int64
	}
	var books struct{ Apps []balance }
	eventually(t, "all is in the store", func() bool {
		s.ask("/pipeline", &books)
		return len(books.Apps) == 1 && books.Apps[0].InFlight == 0
	})
	got := books.Apps[0]
	if got.Received != received || got.Stored != stored || got.Duplicate != duplicate || got.Rejected["malformed"]+got.Rejected["too_old"] != rejected {
		t.Errorf("books %+v, want received %d, stored %d, duplicate %d, rejected %d", got, received, stored, duplicate, rejected)
	}
	var top struct {
		Total struct{ Calls int64 }
		Rows  []struct {
			Key   string
			Calls int64
		}
	}
	s.ask("/usage/top?by=user&from=-1h", &top)
	if top.Total.Calls != stored || len(top.Rows) != len(calls) {
		t.Errorf("usage counts %+v, want %v", top, calls)
	}
	for _, row := range top.Rows {
		if row.Calls != calls[row.Key] {
			t.Errorf("%s made %d calls, want %d", row.Key, row.Calls, calls[row.Key])
		}
	}
}
