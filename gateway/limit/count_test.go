package limit

import (
	"context"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatemeter/gatemeter/gateway/config"
)

func TestWindowsAreThoseOfTheCalendarInUTC(t *testing.T) {
	for _, tt := range []struct{ unit, now, start, end string }{
		{"second", "2026-11-28T14:13:09.7Z", "2026-11-28T14:13:09Z", "2026-11-28T14:13:10Z"},
		{"minute", "2026-11-28T14:13:09Z", "2026-11-28T14:13:00Z", "2026-11-28T14:14:00Z"},
		{"hour", "2026-11-28T14:13:09Z", "2026-11-28T14:00:00Z", "2026-11-28T15:00:00Z"},
		{"hour", "2026-11-28T14:13:09+05:30", "2026-11-28T08:00:00Z", "2026-11-28T09:00:00Z"},
		{"day", "2026-11-28T23:59:59.9Z", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"},
		{"day", "2026-11-28T01:00:00+02:00", "2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z"},
		{"week", "2026-11-28T14:13:09Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"}, // a Saturday
		{"week", "2026-11-29T23:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"}, // a Sunday
		{"week", "2026-11-30T00:00:00Z", "2026-11-30T00:00:00Z", "2026-12-07T00:00:00Z"}, // a Monday
		{"month", "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"},
		{"month", "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"year", "2026-12-31T23:59:59Z", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
	} {
		now, err := time.Parse(time.RFC3339Nano, tt.now)
		if err != nil {
			t.Fatal(err)
		}
		start, end := window(tt.unit, now)
		if start.Format(time.RFC3339Nano) != tt.start || end.Format(time.RFC3339Nano) != tt.end {
			t.Errorf("%s of %s: from %v to %v", tt.unit, tt.now, start, end)
		}
	}
}

// Whatever happens in whichever order, memory counts as a plain table of windows does.
func TestMemoryCountsAsAPlainTableDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		units := rapid.SliceOfN(rapid.SampledFrom([]string{"second", "minute", "hour", "day", "week", "month", "year"}), 1, 3).Draw(t, "units")
		var limits []config.QuotaLimit
		for _, unit := range units {
			limits = append(limits, config.QuotaLimit{Amount: rapid.Int64Range(1, 6).Draw(t, "amount"), Unit: unit})
		}
		h := &hand{}
		p := processorOf(h, nil, limits...)
		type cell struct {
			key   string
			limit int
			start int64
		}
		table := map[cell]int64{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			h.move(time.Duration(rapid.SampledFrom([]int64{0, 0, 1, 30, 1800, 40_000, 300_000, 2_000_000}).Draw(t, "seconds")) * time.Second)
			key := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "client")
			n := rapid.Int64Range(1, 3).Draw(t, "n")
			want := true
			cells := make([]cell, len(limits))
			for i, l := range limits {
				start, _ := window(l.Unit, h.now())
				cells[i] = cell{key, i, start.Unix()}
				want = want && table[cells[i]]+n <= l.Amount
			}
			c := p.charge(p.rules["r"], key)
			c.n = n
			got, err := p.count(context.Background(), c)
			if got != want || err != nil {
				t.Fatalf("got %v, %v, want %v", got, err, want)
			}
			for i := range cells {
				if want {
					table[cells[i]] += n
				}
				if c.used[i] != table[cells[i]] {
					t.Fatalf("limit %d: %d are used, want %d", i, c.used[i], table[cells[i]])
				}
			}
		}
	})
}

func (m *memory) accounts() (n int) {
	for i := range m.shards {
		n += len(m.shards[i].accounts)
	}
	return n
}

func TestMemoryIsBoundedAndForgetsWhatIsOver(t *testing.T) {
	h := &hand{}
	p := processorOf(h, nil, config.QuotaLimit{Amount: 5, Unit: "minute"})
	m := p.counter.(*memory)
	m.most = 4
	for range 5 {
		p.use(t, "greedy", 1, false)
	}
	for i := range 20_000 {
		p.use(t, strconv.Itoa(i), 1, false)
	}
	if n := m.accounts(); n > 4*len(m.shards) {
		t.Errorf("%d clients are remembered, at most %d may be", n, 4*len(m.shards))
	}
	if ok, _ := p.use(t, "greedy", 1, false); ok {
		t.Error("who has used most is forgotten before those who have used little")
	}
	h.move(2 * time.Minute)
	m.most = mostAccounts
	for i := range 10_000 { // every shard is met
		p.use(t, strconv.Itoa(i), 1, false)
	}
	if n := m.accounts(); n != 10_000 {
		t.Errorf("%d clients are remembered, want those of this minute, 10000", n)
	}
}
