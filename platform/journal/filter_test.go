package journal

import (
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestFiltersGrowAndForgetNothing appends ids to filters that start out small: at
// every moment, while one is being built and after a restart, what was sent before
// is known, and what was not is new.
func TestFiltersGrowAndForgetNothing(t *testing.T) {
	for name, budget := range map[string]int64{"room for all": 0, "too little": 600, "none": -1} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			reopen := func() *Journal {
				j, err := Open("journal", Options{FS: fs, Clock: at(noon), Logger: quiet(), filters: budget, leastFilter: 16})
				if err != nil {
					t.Fatal(err)
				}
				return j
			}
			j := reopen()
			var all []Batch
			for i := range 60 {
				b := batch("a", noon)
				for k := range 50 {
					e := event(fmt.Sprintf("%d-%d", i, k))
					e.Until = noon.Add(time.Duration(1+(i+k)%30) * 24 * time.Hour) // in several epochs
					b.Entries = append(b.Entries, e)
				}
				if r := mustAppend(t, j, b); r.Duplicates != 0 {
					t.Fatalf("batch %d: %d of its new entries are taken for duplicates", i, r.Duplicates)
				}
				all = append(all, b)
				if r := mustAppend(t, j, all[i/2]); r.Duplicates != len(b.Entries) {
					t.Fatalf("batch %d again: %d duplicates", i/2, r.Duplicates)
				}
				if i%20 == 19 {
					if err := j.Close(); err != nil {
						t.Fatal(err)
					}
					j = reopen()
				}
			}
			for i, b := range all {
				if r := mustAppend(t, j, b); r.Duplicates != len(b.Entries) {
					t.Errorf("batch %d again: %d duplicates", i, r.Duplicates)
				}
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			filter := &j.current.Load().commits.filter // its committer has ended
			if used := filter.used(); used > max(0, filter.budget) {
				t.Errorf("the filter takes %d bytes of at most %d", used, filter.budget)
			}
		})
	}
}

// TestAFilterIsBuiltFromWhatIsOnTheDisk looks at the filter after a restart: it must say of new ids that they are new, or it would be of no use, and never of a known one.
func TestAFilterIsBuiltFromWhatIsOnTheDisk(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs, at(noon))
	b := batch("a", noon)
	for i := range 1000 {
		b.Entries = append(b.Entries, event(fmt.Sprint("known ", i)))
	}
	mustAppend(t, j, b)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j, err := Open("journal", Options{FS: fs, Clock: at(noon), Logger: quiet(), leastFilter: 16})
	if err != nil {
		t.Fatal(err)
	}
	o := j.current.Load()
	if err := j.Close(); err != nil { // it waits for the build, which is too short to be stopped
		t.Fatal(err)
	}
	filter := &o.commits.filter
	if filter.build != nil { // unless it was taken before the journal was closed
		filter.take(filter.build)
	}
	if len(filter.layers) == 0 {
		t.Fatal("no filter is built")
	}
	maybe := func(id string) bool {
		return filter.maybe(sumOf(filter.seed, appendIDKey(nil, 0, "a", newID(Event, id))))
	}
	for i := range 1000 {
		if !maybe(fmt.Sprint("known ", i)) {
			t.Fatalf("a known id is said to be new: %d", i)
		}
	}
	taken := 0
	for i := range 1000 {
		if maybe(fmt.Sprint("new ", i)) {
			taken++
		}
	}
	if taken > 50 {
		t.Errorf("%d of 1000 new ids are taken for ones that may be known", taken)
	}
}

// TestAFullFilterIsRarelyWrong fills a filter to its room, and counts how many new
// ids it takes for ones that may be known: each of those is looked for on the disk.
func TestAFullFilterIsRarelyWrong(t *testing.T) {
	const room = 200_000
	f := newFilter(filterBytes, room/3+1) // and so it gets layers
	f.grow()
	sum := func(i int) uint64 { return sumOf(f.seed, appendIDKey(nil, 0, "a", newID(Event, fmt.Sprint(i)))) }
	for i := range room {
		f.add(sum(i))
	}
	wrong := 0
	for i := range room {
		if !f.maybe(sum(i)) {
			t.Fatalf("id %d was added, and is said to be new", i)
		}
		if f.maybe(sum(room + i)) {
			wrong++
		}
	}
	if len(f.layers) != 3 {
		t.Errorf("%d layers", len(f.layers))
	}
	if rate := float64(wrong) / room; rate > 3.0/300 {
		t.Errorf("one new id of %.0f is taken for one that may be known", 1/rate)
	}
}
