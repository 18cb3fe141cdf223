package queue

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/moesif/queue/spool/spooltest"
)

// event is one event of one block, whichever process has it.
type event struct {
	seq   uint64
	index int32
}

// house is a queue whose disk fails and whose process dies, and the model of it.
type house struct {
	t       *testing.T
	rnd     *rand.Rand
	run     string // for messages
	mem     *spooltest.Mem
	q       *Queue
	put     int64          // in this process
	next    int            // id
	flight  []*Block       // taken
	settled map[event]bool // true: long enough ago to be synced
}

func (h *house) fatal(format string, args ...any) {
	h.t.Helper()
	h.t.Fatalf(h.run+": "+format, args...)
}

// start begins a process, and checks what it finds.
func (h *house) start(must map[event]bool) {
	h.t.Helper()
	q, err := openIn(Options{
		BatchSize: 4, MaxEvents: 400, FlushAfter: time.Second, Workers: 2,
		Spool: Spool{Dir: "/spool", MaxBytes: 24 << 10},
	}, h.mem)
	if err != nil {
		h.fatal("%v", err)
	}
	h.q, h.put, h.flight = q, 0, nil
	h.t.Cleanup(func() { q.Save() }) // of a dead process it ends the goroutines, and no more
	found := map[event]bool{}
	last := -1
	for b := q.line.first; b != nil; b = b.next {
		for i := range b.events {
			e := event{b.sealed.seq, b.from + i}
			if synced, settled := h.settled[e]; settled && synced {
				h.fatal("%v was settled and is back", e)
			}
			if found[e] {
				h.fatal("%v is there twice", e)
			}
			found[e] = true
			delete(h.settled, e) // it will be settled once more
		}
		for _, id := range ids(h.t, b) {
			if id <= last || id >= h.next {
				h.fatal("event %d after %d", id, last)
			}
			last = id
		}
	}
	for e := range must {
		if !found[e] {
			h.fatal("%v was on disk and is lost", e)
		}
	}
	if s := balance(h.t, q, 0); s.Recovered != int64(len(found))+s.Dropped[DroppedDamaged] {
		h.fatal("found %d: %+v", len(found), s)
	}
}

// step does one thing at random.
func (h *house) step() {
	switch h.rnd.IntN(6) {
	case 0, 1:
		for range h.rnd.IntN(12) {
			h.q.Put(item(h.next))
			h.next++
			h.put++
		}
	case 2:
		if b := h.q.TryTake(); b != nil {
			h.flight = append(h.flight, b)
		}
	case 3, 4:
		if len(h.flight) == 0 {
			break
		}
		b := h.flight[0]
		h.flight = h.flight[1:]
		h.deliver(b)
	default:
		pass(time.Duration(h.rnd.IntN(7000)) * time.Millisecond)
	}
	synctest.Wait()
	s := h.q.Stats()
	if got := s.Sent + s.Skipped + s.Queued + s.Rejected["bad"] + sum(s.Dropped) - s.Recovered; got != h.put || s.Put != h.put {
		h.fatal("put %d, the books say %d: %+v", h.put, got, s)
	}
	if s.SpooledBytes > 24<<10 || s.Queued-s.Spooled > 400 {
		h.fatal("out of bounds: %+v", s)
	}
}

func sum(m map[string]int64) (n int64) {
	for _, k := range m {
		n += k
	}
	return n
}

func (h *house) deliver(b *Block) {
	_, err := b.Data()
	switch {
	case errors.Is(err, ErrDamaged):
		h.fatal("%v", err)
	case err != nil || h.rnd.IntN(5) == 0:
		h.q.Return(b)
	case b.Events() > 1 && h.rnd.IntN(4) == 0:
		first, second := b.Split()
		h.flight = append(h.flight, second, first)
	default:
		for i := range b.events {
			h.settled[event{b.sealed.seq, b.from + i}] = false
		}
		h.q.Done(b, map[string]int{"bad": h.rnd.IntN(2)})
	}
}

// settle lets what is settled be synced, if the disk does not fail meanwhile.
func (h *house) settle() {
	before := h.q.Stats().SpoolErrors
	pass(9 * time.Second) // the pause after a failure, and a commit
	synctest.Wait()
	if h.q.Stats().SpoolErrors != before || h.mem.Dead() {
		return
	}
	for e := range h.settled {
		h.settled[e] = true
	}
}

// die ends the process, and returns the events that were on disk by its books.
func (h *house) die() map[event]bool {
	h.mem.Kill()
	synctest.Wait()
	left := h.flight
	for b := h.q.TryTake(); b != nil; b = h.q.TryTake() {
		left = append(left, b)
	}
	must := map[event]bool{}
	h.q.mu.Lock()
	for _, b := range left {
		for i := range b.events {
			if b.sealed.data.isZero() {
				must[event{b.sealed.seq, b.from + i}] = true
			}
		}
	}
	h.q.mu.Unlock()
	return must
}

// Whatever the disk does, and whenever the process dies: every event that was
// on disk is found again, what was settled and synced is not, and the books
// balance at every step.
func TestQueueSurvivesEveryFailureOfItsDisk(t *testing.T) {
	for _, length := range []int{1, 2, 9, 1 << 30} { // of a failure in operations; the last is death
		t.Run(fmt.Sprint("failing ", length), func(t *testing.T) {
			t.Parallel()
			for at := 2; at < 60; at += 2 + at/15 {
				run := fmt.Sprintf("failure of %d from operation %d", length, at)
				synctest.Test(t, func(t *testing.T) { live(t, run, at, length) })
			}
		})
	}
}

func live(t *testing.T, run string, at, length int) {
	rnd := rand.New(rand.NewPCG(uint64(at), uint64(length)))
	h := &house{t: t, rnd: rnd, run: run, mem: new(spooltest.Mem), settled: map[event]bool{}}
	var must map[event]bool
	for range 3 {
		h.start(must)
		opened := h.mem.Ops()
		h.mem.Fail(func(n int, _ string) error {
			switch n -= opened; {
			case n < at || n >= at+length:
				return nil
			case length == 1<<30:
				return spooltest.ErrCrashed
			}
			return spooltest.ErrDisk
		})
		for range 60 {
			h.step()
			if h.rnd.IntN(12) == 0 {
				h.settle()
			}
		}
		must = h.die()
		if rnd.IntN(2) == 0 {
			h.mem = h.mem.PowerCut(rnd)
		} else {
			h.mem = h.mem.Restart()
		}
	}
	h.start(must)
	if got := slices.Concat(ready(t, h.q)...); !slices.IsSorted(got) {
		h.fatal("out of order: %v", got)
	}
	if _, err := h.q.Save(); err != nil {
		h.fatal("%v", err)
	}
	verify(t, h.mem, h.q)
}
