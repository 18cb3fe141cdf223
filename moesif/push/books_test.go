package push

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/gatemeter/gatemeter/moesif/queue"
)

// moody is a collector that behaves as it likes, and keeps books of its own.
type moody struct {
	collector
	rnd    *rand.Rand // under collector.mu
	bad    func(id int) bool
	acked  map[int]int // ids acknowledged and not listed as rejected
	listed map[int]int // ids listed as rejected
}

func (m *moody) behave(ids []int, r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	mood, pick, slow := m.rnd.IntN(10), m.rnd.IntN(len(ids)), time.Duration(m.rnd.IntN(400))*time.Millisecond
	m.mu.Unlock()
	if err := after(r, slow); err != nil {
		return nil, err
	}
	switch mood {
	case 0:
		return nil, errBroken // after reading everything
	case 1:
		return status(http.StatusServiceUnavailable)
	case 2:
		return status(http.StatusTooManyRequests, "Retry-After", "3")
	case 3:
		return nil, after(r, time.Hour)
	}
	if len(ids) > 6 && mood == 4 {
		return status(http.StatusRequestEntityTooLarge)
	}
	if slices.ContainsFunc(ids, m.bad) {
		return status(http.StatusBadRequest)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, id := range ids {
		if mood == 5 && i == pick {
			m.listed[id]++
			continue
		}
		m.acked[id]++
	}
	if mood == 5 {
		return reply(201, fmt.Sprintf(`{"rejected":[{"index":%d,"reason":"too_old"}]}`, pick))
	}
	return status(http.StatusCreated)
}

// outcome is what a run of the pipeline came to.
type outcome struct {
	stats   queue.Stats
	put     int
	skipped int // of those let in
	left    []int
	problem string
}

func TestBooksBalanceWhateverTheCollectorDoes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		poisonEvery := rapid.SampledFrom([]int{1, 2, 9, 50, 1 << 20}).Draw(rt, "poison every")
		o := queue.Options{
			BatchSize:  rapid.IntRange(1, 20).Draw(rt, "batch"),
			MaxEvents:  rapid.IntRange(1, 120).Draw(rt, "max events"),
			MaxBytes:   rapid.Int64Range(3000, 100_000).Draw(rt, "max bytes"),
			FlushAfter: time.Second,
			Workers:    rapid.IntRange(1, 3).Draw(rt, "sealers"),
		}
		workers := rapid.IntRange(1, 4).Draw(rt, "workers")
		drain := time.Duration(rapid.IntRange(0, 100).Draw(rt, "drain seconds")) * time.Second
		m := &moody{rnd: rand.New(rand.NewPCG(seed, 1)), acked: map[int]int{}, listed: map[int]int{}}
		m.bad = func(id int) bool { return id%poisonEvery == poisonEvery-1 }
		m.answer = m.behave
		var out outcome
		synctest.Test(t, func(t *testing.T) { out = runMoody(t, m, o, workers, drain, rand.New(rand.NewPCG(seed, 2))) })
		if out.problem != "" {
			rt.Fatal(out.problem)
		}
		checkBooks(rt, m, out)
	})
}

// runMoody puts events in bursts, and closes.
func runMoody(t *testing.T, m *moody, o queue.Options, workers int, drain time.Duration, rnd *rand.Rand) (out outcome) {
	q := open(t, o)
	p, err := New(Options{ApplicationID: "app", Transport: m, Concurrency: workers}, q)
	if err != nil {
		t.Fatal(err)
	}
	go p.Run(context.Background())
	for range 12 {
		for range rnd.IntN(40) {
			skip := rnd.IntN(8) == 0
			if q.Put(&event{id: out.put, skipped: skip}) && skip {
				out.skipped++
			}
			out.put++
			if s := q.Stats(); s.Queued > int64(o.MaxEvents) || s.QueuedBytes > o.MaxBytes {
				out.problem = fmt.Sprintf("out of bounds: %+v", s)
			}
		}
		pass(time.Duration(rnd.IntN(3000)) * time.Millisecond)
	}
	err = finish(t, p, drain)
	out.stats = q.Stats()
	if (err == nil) != (out.stats.Queued == 0) {
		out.problem = fmt.Sprintf("Close: %v, with %d events left", err, out.stats.Queued)
	}
	synctest.Wait() // what was raw is sealed now
	for b := q.TryTake(); b != nil; b = q.TryTake() {
		out.left = append(out.left, b.Events())
		q.Done(b, nil)
	}
	if s := q.Stats(); s.Queued != 0 || s.QueuedBytes != 0 {
		out.problem = fmt.Sprintf("all blocks are taken, but %+v", s)
	}
	return out
}

func checkBooks(t rapid.TB, m *moody, out outcome) {
	t.Helper()
	s := out.stats
	sum := s.Sent + s.Skipped + s.Queued
	for _, n := range s.Rejected {
		sum += n
	}
	for _, n := range s.Dropped {
		sum += n
	}
	if s.Put != int64(out.put) || sum != int64(out.put) {
		t.Fatalf("put %d: %+v", out.put, s)
	}
	left := int64(0)
	for _, n := range out.left {
		left += int64(n)
	}
	// What the queue holds raw at the end is skipped only once it is sealed.
	if s.Queued < left || s.Queued-left > int64(out.skipped)-s.Skipped {
		t.Fatalf("%d events are left in blocks: %+v", left, s)
	}
	if s.Sent != int64(len(m.acked)) || s.Rejected["too_old"] != int64(len(m.listed)) {
		t.Fatalf("the collector acknowledged %d and listed %d: %+v", len(m.acked), len(m.listed), s)
	}
	poisoned := int64(0)
	for id := range out.put {
		if n := m.acked[id] + m.listed[id]; n > 1 {
			t.Fatalf("event %d was acknowledged %d times", id, n)
		}
		if m.bad(id) {
			poisoned++
		}
	}
	if s.Rejected[RejectedInvalid] > poisoned {
		t.Fatalf("%d poisoned: %+v", poisoned, s)
	}
	for reason := range s.Rejected {
		if reason != "too_old" && reason != RejectedInvalid {
			t.Fatalf("rejected as %s: %+v", reason, s)
		}
	}
}
