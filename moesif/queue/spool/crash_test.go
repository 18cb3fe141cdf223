package spool_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gatemeter/gatemeter/moesif/queue/spool"
	"github.com/gatemeter/gatemeter/moesif/queue/spool/spooltest"
)

// state is what the model knows of a block.
type state struct {
	place     spool.Place
	committed bool
	settled   bool
	noted     bool // settled, and committed after that
	tried     bool // to settle: the note may be there although an error was returned
}

// model is a spool and what should be in it.
type model struct {
	log    *spool.Log
	blocks map[uint64]*state
	next   uint64
	run    string // for messages
}

// step does one thing at random, and keeps the model in step.
func (m *model) step(rnd *rand.Rand) error {
	switch rnd.IntN(6) {
	case 0, 1:
		m.next++
		p, err := m.log.Append(block(m.next))
		if errors.Is(err, spool.ErrFull) {
			return nil
		}
		if err != nil {
			return m.void(err)
		}
		m.blocks[m.next] = &state{place: p}
	case 2, 3:
		for _, seq := range slices.Sorted(maps.Keys(m.blocks)) {
			s := m.blocks[seq]
			if s.settled || rnd.IntN(3) == 0 {
				continue
			}
			s.tried = true
			if err := m.log.Settle(s.place, seq, spool.Run{Events: block(seq).Events}, true); err != nil {
				return m.void(err)
			}
			s.settled = true
			break
		}
	case 4:
		if err := m.log.Write(); err != nil {
			return m.void(err)
		}
	default:
		if err := m.log.Commit(); err != nil {
			return m.void(err)
		}
		for _, s := range m.blocks {
			s.committed, s.noted = true, s.settled
		}
		return m.log.Trim()
	}
	return nil
}

// void forgets what was staged.
func (m *model) void(err error) error {
	for seq, s := range m.blocks {
		if !s.committed {
			delete(m.blocks, seq)
		}
		s.settled = s.noted
	}
	return err
}

// check fails the test unless what was found is what must be, and all of it whole.
func (m *model) check(t testing.TB, l *spool.Log, c *spool.Contents) {
	t.Helper()
	found := map[uint64]bool{}
	for _, b := range c.Blocks {
		found[b.Seq] = true
		checkRead(t, l, b.Place, b.Seq)
		if s := m.blocks[b.Seq]; s != nil && s.noted {
			t.Fatalf("%s: block %d was settled and synced, and is back", m.run, b.Seq)
		}
	}
	for seq, s := range m.blocks {
		if s.committed && !s.tried && !found[seq] {
			t.Fatalf("%s: block %d was synced, and is lost", m.run, seq)
		}
	}
}

// At every operation of a run the disk fails, once or from then on, or the
// process dies, or the power fails: what was committed is there afterwards.
func TestWhatIsCommittedSurvivesEveryFailure(t *testing.T) {
	failures := map[string]func(at, n int) error{
		"one error": func(at, n int) error {
			if n == at {
				return spooltest.ErrDisk
			}
			return nil
		},
		"errors from then on": func(at, n int) error {
			if n >= at && n < at+7 {
				return spooltest.ErrDisk
			}
			return nil
		},
		"death": func(at, n int) error {
			if n == at {
				return spooltest.ErrCrashed
			}
			return nil
		},
	}
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(2) {
				for at := 3; at < 120; at++ {
					rnd := rand.New(rand.NewPCG(seed, uint64(at)))
					mem := new(spooltest.Mem)
					mem.Fail(func(n int, _ string) error { return failure(at, n) })
					survive(t, mem, rnd, fmt.Sprintf("seed %d, failure at operation %d", seed, at))
				}
			}
		})
	}
}

func survive(t *testing.T, mem *spooltest.Mem, rnd *rand.Rand, run string) {
	t.Helper()
	l, _ := open(t, mem, 20<<10)
	m := &model{log: l, blocks: map[uint64]*state{}, run: run}
	for range 150 {
		if err := m.step(rnd); errors.Is(err, spooltest.ErrCrashed) {
			break
		}
	}
	next := mem.Restart()
	if rnd.IntN(2) == 0 {
		next = mem.PowerCut(rnd)
	}
	l, c := open(t, next, 20<<10)
	m.check(t, l, c)
	for _, b := range c.Blocks {
		must(t, l.Settle(b.Place, b.Seq, spool.Run{Events: b.Events}, true))
	}
	must(t, l.Close())
	if files := next.Files(); len(files) != 0 || l.Size() != 0 {
		t.Fatalf("all is settled, but %d files are left", len(files))
	}
}
