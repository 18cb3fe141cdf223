package queue

import "maps"

// door is where an event was turned away.
type door int

const (
	fullEvents door = iota
	fullBytes
	closed
	doors
)

// Reasons of dropped events.
const (
	DroppedFullEvents = "full_events" // MaxEvents were held
	DroppedFullBytes  = "full_bytes"  // MaxBytes were held
	DroppedClosed     = "closed"      // put after Close
	DroppedBroken     = "broken"      // the item panicked, or gave no event
	DroppedDamaged    = "damaged"     // found on disk by Open, and not whole
)

var doorReasons = [doors]string{DroppedFullEvents, DroppedFullBytes, DroppedClosed}

// maxReasons bounds the different reasons of rejection that are told apart:
// they come from outside. The others are counted as "other".
const maxReasons = 32

// books count what became of the events that left the queue. Under Queue.mu.
type books struct {
	sent             int64
	skipped, sampled int64 // sampled is a part of skipped
	tooLarge, broken int64 // dropped after they were let in
	recovered        int64 // found on disk, damaged included
	damaged          int64
	spooled          int64 // on disk and nowhere else
	rejected         map[string]int64
}

func newBooks() books { return books{rejected: map[string]int64{}} }

// outcome is what became of some events at once.
type outcome struct {
	sent             int64 // less those in rejected
	skipped          int64
	sampled          int64 // of skipped
	tooLarge, broken int64
	rejected         map[string]int
	bytes            int64 // no longer held
	spooled          bool  // they were on disk, not in memory
}

// settle enters an outcome in the books. The caller holds mu.
func (q *Queue) settle(o outcome) {
	b := &q.books
	out := o.sent + o.skipped + o.tooLarge + o.broken
	lost := o.tooLarge+o.broken > 0
	for reason, n := range o.rejected {
		k := min(max(0, int64(n)), o.sent) // never more than there were
		if k == 0 {
			continue
		}
		if _, known := b.rejected[reason]; !known && len(b.rejected) >= maxReasons {
			reason = "other"
		}
		b.rejected[reason] += k
		o.sent -= k
		lost = true
	}
	b.sent += o.sent
	b.skipped += o.skipped
	b.sampled += o.sampled
	b.tooLarge += o.tooLarge
	b.broken += o.broken
	if o.spooled {
		b.spooled -= out
	} else {
		q.left.Add(out)
	}
	q.bytes.Add(-o.bytes)
	if lost {
		signal(q.lost)
	}
}

// Stats are the books of a queue at one moment. They balance at any moment:
// Put + Recovered = Sent + Skipped + ΣRejected + ΣDropped + Queued.
type Stats struct {
	Put          int64            // calls of Put
	Recovered    int64            // found on disk by Open
	Sent         int64            // acknowledged by the collector
	Skipped      int64            // not reported: should_skip, or left out by sampling
	Sampled      int64            // of Skipped, those left out by sampling
	Queued       int64            // held in memory or on disk, those in flight included
	QueuedBytes  int64            // held in memory by them, never more than MaxBytes: of a block on disk its place, some 200 bytes
	Spooled      int64            // of Queued, those on disk; the others are never more than MaxEvents
	SpooledBytes int64            // taken on disk; never more than Spool.MaxBytes
	Rejected     map[string]int64 // refused for good by the collector, by reason
	Dropped      map[string]int64 // given up here, by reason
	SpoolErrors  int64            // times that the disk failed; events stay in memory then

	spoolError error // the latest
}

// Stats reads the books.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := &q.books
	s := Stats{
		Sent:        b.sent,
		Skipped:     b.skipped,
		Sampled:     b.sampled,
		Put:         q.admitted.Load(),
		Recovered:   b.recovered,
		Spooled:     b.spooled,
		QueuedBytes: q.bytes.Load(),
		Rejected:    maps.Clone(b.rejected),
		Dropped:     map[string]int64{},
	}
	s.Queued = s.Put - q.left.Load() + b.spooled
	if q.keeper != nil {
		s.SpooledBytes = q.keeper.log.Size()
		s.SpoolErrors, s.spoolError = q.keeper.failures, q.keeper.failure
	}
	for d, reason := range doorReasons {
		if n := q.refused[d].Load(); n > 0 {
			s.Dropped[reason] += n
			s.Put += n
		}
	}
	if b.tooLarge > 0 {
		s.Dropped[DroppedFullBytes] += b.tooLarge
	}
	if b.damaged > 0 {
		s.Dropped[DroppedDamaged] += b.damaged
	}
	if b.broken > 0 {
		s.Dropped[DroppedBroken] += b.broken
	}
	return s
}
