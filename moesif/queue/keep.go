package queue

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/moesif/queue/spool"
)

const (
	spoolAfter    = 5 * time.Second  // age at which a sealed block goes to disk
	commitEvery   = time.Second      // at most that long between a note and its sync
	spoolRetry    = 5 * time.Second  // after the disk has failed
	fullRetry     = time.Second      // after the spool was full
	readRetry     = 30 * time.Second // after a block could not be read
	giveUpAfter   = 24 * time.Hour   // a block that cannot be read for so long is damaged
	maxBatchBytes = 8 << 20          // appended between two commits
)

// keeper moves blocks that wait to disk. It has a goroutine to itself, which
// alone writes, so that nobody else waits for the disk.
//
// A block leaves memory only when it is synced: until then, whatever fails, it
// is as if nothing had been written.
type keeper struct {
	q      *Queue
	log    *spool.Log
	dir    string
	batch  int64         // bytes appended between two commits
	wake   chan struct{} // capacity 1: there may be something to do
	finish chan struct{} // closed by Save
	done   chan struct{} // closed when the goroutine has ended

	save  sync.Once
	saved Saved
	err   error // of Save

	// Under Queue.mu.
	first, last *sealed // in memory only, oldest first
	notes       []note  // to be written
	asleep      bool    // wants to know when there is a first one
	bytes       int64   // in memory that the blocks in staged will free
	events      int64   // in them
	failures    int64
	failure     error // the latest

	// Its goroutine's own.
	staged  []*sealed // appended, or to be, and not committed
	noted   []note    // written, or to be, and not committed
	since   time.Duration
	retryAt time.Duration
	full    bool // the spool was, at the last try
}

// note says that a run of events of a block on disk is settled.
type note struct {
	sealed *sealed
	run    spool.Run
	last   bool // none of the block is left
}

func newKeeper(q *Queue, log *spool.Log) *keeper {
	return &keeper{
		q: q, log: log, dir: q.o.Spool.Dir, asleep: true,
		batch: min(maxBatchBytes, max(1, q.o.Spool.MaxBytes/16)),
		wake:  make(chan struct{}, 1), finish: make(chan struct{}), done: make(chan struct{}),
	}
}

// add is told of a block that was sealed. The caller holds mu.
func (k *keeper) add(s *sealed) {
	s.since = k.q.now()
	k.link(k.last, s, nil)
	if k.asleep || k.pressed(2) {
		k.asleep = false
		signal(k.wake)
	}
}

// settle is told of events that left the queue. The caller holds mu.
func (k *keeper) settle(s *sealed, run spool.Run) {
	if s.events == 0 {
		k.unlink(s)
	}
	if s.place.IsZero() {
		s.gone = append(s.gone, run)
		return
	}
	k.notes = append(k.notes, note{s, run, s.events == 0})
	signal(k.wake)
}

// link puts s between two neighbours of the list. The caller holds mu.
func (k *keeper) link(prev, s, next *sealed) {
	s.prev, s.next = prev, next
	if prev == nil {
		k.first = s
	} else {
		prev.next = s
	}
	if next == nil {
		k.last = s
	} else {
		next.prev = s
	}
}

// unlink takes s off the list. The caller holds mu.
func (k *keeper) unlink(s *sealed) {
	if s.prev == nil && k.first != s {
		return // it is not on it
	}
	if s.prev == nil {
		k.first = s.next
	} else {
		s.prev.next = s.next
	}
	if s.next == nil {
		k.last = s.prev
	} else {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
}

// pressed reports whether memory holds more than one part in n of what it may,
// with what is staged as if it had left. The caller holds mu.
func (k *keeper) pressed(n float64) bool {
	q := k.q
	return float64(q.bytes.Load()-k.bytes)*n > float64(q.o.MaxBytes) ||
		float64(q.admitted.Load()-q.left.Load()-k.events)*n > float64(q.o.MaxEvents)
}

func (k *keeper) run() {
	defer close(k.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(k.pass())
		select {
		case <-k.wake:
		case <-timer.C:
		case <-k.finish:
			k.end()
			return
		}
	}
}

// pass does what is to be done now, and returns how long nothing is.
func (k *keeper) pass() (wait time.Duration) {
	if wait := k.retryAt - k.q.now(); wait > 0 {
		return wait
	}
	for {
		urgent, err := k.move(due)
		if err == nil && (urgent || k.isStaged() && k.q.now()-k.since >= commitEvery) {
			err = k.commit()
		}
		if err == nil {
			err = k.log.Trim()
		}
		if err != nil {
			k.fail(err)
			return spoolRetry
		}
		if !urgent || k.full {
			return k.rest()
		}
	}
}

func (k *keeper) isStaged() bool { return len(k.staged) > 0 || k.log.IsStaged() }

// rest is how long there is nothing to do, unless something happens.
func (k *keeper) rest() time.Duration {
	k.q.mu.Lock()
	defer k.q.mu.Unlock()
	now, wait := k.q.now(), time.Hour
	if k.isStaged() {
		wait = min(wait, k.since+commitEvery-now)
	}
	switch {
	case k.full:
		wait = min(wait, fullRetry)
	case k.first != nil:
		wait = min(wait, k.first.since+spoolAfter-now)
	}
	k.asleep = k.first == nil
	return max(0, wait)
}

// which blocks to move.
type which bool

const (
	due which = false // old ones, and as many as memory is short of
	all which = true
)

// move stages blocks and notes. urgent says that they are many, and memory waits
// for the commit.
func (k *keeper) move(w which) (urgent bool, err error) {
	from := len(k.staged)
	urgent = k.pick(w)
	for i := from; i < len(k.staged); i++ {
		err := k.append(k.staged[i])
		if errors.Is(err, spool.ErrFull) {
			k.full = true
			k.putBack(i)
			break
		}
		if err != nil {
			return false, err
		}
	}
	k.q.mu.Lock()
	notes := k.notes
	k.notes = nil
	k.q.mu.Unlock()
	k.noted = append(k.noted, notes...)
	for _, n := range notes {
		k.q.mu.Lock()
		place := n.sealed.place
		k.q.mu.Unlock()
		if err := k.log.Settle(place, n.sealed.seq, n.run, n.last); err != nil {
			return false, err
		}
	}
	return urgent, k.log.Write()
}

// pick puts blocks that are to be moved into staged.
func (k *keeper) pick(w which) (urgent bool) {
	k.q.mu.Lock()
	defer k.q.mu.Unlock()
	if !k.isStaged() {
		k.since = k.q.now()
	}
	k.full = false
	short := k.pressed(2)
	for size := int64(0); k.first != nil; {
		s := k.first
		old := k.q.now()-s.since >= spoolAfter
		short = short && k.pressed(8./3) // some more, not to be back at once
		if !old && !short && w != all {
			break
		}
		urgent = urgent || short
		k.unlink(s)
		k.staged = append(k.staged, s)
		k.bytes += s.bytes - blockOverhead
		k.events += int64(s.events)
		if size += s.data.size(); size >= k.batch {
			return true
		}
	}
	return urgent
}

// append stages a block. What of it is settled is noted first: else that would
// be back if only the block is written when the process dies.
func (k *keeper) append(s *sealed) error {
	k.q.mu.Lock()
	data, gone := s.data, s.gone
	k.q.mu.Unlock()
	if data.isZero() { // settled meanwhile
		return nil
	}
	for _, run := range gone {
		if err := k.log.Settle(spool.Place{}, s.seq, run, false); err != nil {
			return err
		}
	}
	place, err := k.log.Append(spool.Block{Seq: s.seq, Events: int(s.total), Data: data.bytes(), Gzip: int(s.gzip)})
	if err != nil {
		return err
	}
	k.q.mu.Lock()
	defer k.q.mu.Unlock()
	s.place = place
	for i, run := range s.gone {
		if n := (note{s, run, s.events == 0 && i == len(s.gone)-1}); i < len(gone) {
			k.noted = append(k.noted, n)
		} else {
			k.notes = append(k.notes, n)
		}
	}
	s.gone = nil
	return nil
}

// commit makes what is staged last, and takes it out of memory.
func (k *keeper) commit() error {
	if err := k.log.Commit(); err != nil {
		return err
	}
	q := k.q
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range k.staged {
		if s.events == 0 {
			continue
		}
		q.left.Add(int64(s.events))
		q.books.spooled += int64(s.events)
		q.bytes.Add(blockOverhead - s.bytes)
		s.bytes, s.data = blockOverhead, packed{}
	}
	k.forget()
	return nil
}

func (k *keeper) forget() {
	clear(k.staged)
	clear(k.noted)
	k.staged, k.noted = k.staged[:0], k.noted[:0]
	k.bytes, k.events = 0, 0
}

// putBack takes the blocks from index i on out of staged.
func (k *keeper) putBack(i int) {
	k.q.mu.Lock()
	defer k.q.mu.Unlock()
	for _, s := range k.staged[i:] {
		k.bytes -= s.bytes - blockOverhead
		k.events -= int64(s.events)
	}
	if i == 0 { // what was settled meanwhile is not in the sums
		k.bytes, k.events = 0, 0
	}
	k.relink(k.staged[i:])
	clear(k.staged[i:])
	k.staged = k.staged[:i]
}

// relink puts blocks back at the beginning of the list. The caller holds mu.
func (k *keeper) relink(list []*sealed) {
	for i := len(list) - 1; i >= 0; i-- {
		if s := list[i]; s.events > 0 {
			k.link(nil, s, k.first)
		}
	}
}

// fail takes back what was staged, and is told of why.
func (k *keeper) fail(err error) {
	k.q.mu.Lock()
	defer k.q.mu.Unlock()
	for _, s := range k.staged {
		s.place = spool.Place{}
	}
	k.relink(k.staged)
	notes := slices.Concat(k.noted, k.notes)
	k.notes = nil
	for _, n := range notes {
		if n.sealed.place.IsZero() {
			n.sealed.gone = append(n.sealed.gone, n.run)
		} else {
			k.notes = append(k.notes, n)
		}
	}
	k.noted = nil
	k.forget()
	k.failures++
	k.failure = err
	k.retryAt = k.q.now() + spoolRetry
	signal(k.q.lost)
}
