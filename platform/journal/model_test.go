package journal

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

// TestBooksAndBlocksFollowTheModel compares the journal with maps and counters
// over random batches, restarts and trims.
func TestBooksAndBlocksFollowTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		fs := vfs.NewMem()
		var hours atomic.Int64 // since noon
		clock := func() time.Time { return noon.Add(time.Duration(hours.Load()) * time.Hour) }
		// Filters that hold everything, that have to grow, or none.
		o := Options{FS: fs, Clock: clock, Logger: quiet(), filters: rapid.SampledFrom([]int64{-1, 64, 0}).Draw(rt, "filters"), leastFilter: 2}
		j, err := Open("journal", o)
		if err != nil {
			rt.Fatal(err)
		}
		defer func() {
			if err := j.Close(); err != nil {
				rt.Error(err)
			}
		}()
		type seenKey struct{ app, id string }
		seen := map[seenKey]time.Time{}
		want := map[string]*Counts{}
		var trimmed uint64
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0:
				if err := j.Close(); err != nil {
					rt.Fatal(err)
				}
				if j, err = Open("journal", o); err != nil {
					rt.Fatal(err)
				}
			case 1:
				trimmed = rapid.Uint64Range(0, j.Last()).Draw(rt, "trim")
				if trimmed > 0 {
					if err := j.Trim(t.Context(), trimmed); err != nil {
						rt.Fatal(err)
					}
				}
			case 2:
				hours.Add(rapid.Int64Range(1, 500).Draw(rt, "hours"))
			default:
				now := clock()
				b := Batch{App: rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "app"), ReceivedAt: now}
				c := want[b.App]
				if c == nil {
					c = &Counts{Rejected: map[string]int64{}}
					want[b.App] = c
				}
				duplicates := 0
				for range rapid.IntRange(0, 5).Draw(rt, "entries") {
					id := fmt.Sprint(rapid.IntRange(0, 9).Draw(rt, "id"))
					until := now.Add(time.Duration(rapid.IntRange(1, 31*24).Draw(rt, "until")) * time.Hour)
					b.Entries = append(b.Entries, Entry{ID: id, Until: until, Data: []byte(id)})
					if known, ok := seen[seenKey{b.App, id}]; ok && now.Before(known) {
						duplicates++
						continue
					}
					seen[seenKey{b.App, id}] = until
				}
				if n := rapid.IntRange(0, 2).Draw(rt, "rejected"); n > 0 {
					b.Rejected = map[string]int{"too_old": n}
					c.Rejected["too_old"] += int64(n)
					c.Received += int64(n)
				}
				c.Received += int64(len(b.Entries))
				c.Duplicate += int64(duplicates)
				r, err := j.Append(t.Context(), b)
				if err != nil {
					rt.Fatal(err)
				}
				if r.Duplicates != duplicates {
					rt.Fatalf("%d duplicates, want %d", r.Duplicates, duplicates)
				}
			}
		}
		books, err := j.Books(t.Context(), 0)
		if err != nil {
			rt.Fatal(err)
		}
		for app, c := range want {
			got := books[app]
			if got.Received != c.Received || got.Duplicate != c.Duplicate || got.Rejected["too_old"] != c.Rejected["too_old"] {
				rt.Fatalf("%s: %+v, want %+v", app, got, *c)
			}
		}
	})
}
