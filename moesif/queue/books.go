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
)

var doorReasons = [doors]string{DroppedFullEvents, DroppedFullBytes, DroppedClosed}

// maxReasons bounds the different reasons of rejection that are told apart:
// they come from outside. The others are counted as "other".
const maxReasons = 32

// books count what became of the events that left the queue. Under Queue.mu.
type books struct {
	sent, skipped    int64
	tooLarge, broken int64 // dropped after they were let in
	rejected         map[string]int64
}

func newBooks() books { return books{rejected: map[string]int64{}} }

// outcome is what became of some events at once.
type outcome struct {
	sent             int64 // less those in rejected
	skipped          int64
	tooLarge, broken int64
	rejected         map[string]int
	bytes            int64 // no longer held
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
	b.tooLarge += o.tooLarge
	b.broken += o.broken
	q.left.Add(out)
	q.bytes.Add(-o.bytes)
	if lost {
		signal(q.lost)
	}
}

// Stats are the books of a queue at one moment. They balance at any moment:
// Put = Sent + Skipped + ΣRejected + ΣDropped + Queued.
type Stats struct {
	Put         int64            // calls of Put
	Sent        int64            // acknowledged by the collector
	Skipped     int64            // not to be reported (should_skip)
	Queued      int64            // held, those in flight included; never more than MaxEvents
	QueuedBytes int64            // held by them; never more than MaxBytes
	Rejected    map[string]int64 // refused for good by the collector, by reason
	Dropped     map[string]int64 // given up here, by reason
}

// Stats reads the books.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := &q.books
	s := Stats{
		Sent:        b.sent,
		Skipped:     b.skipped,
		Queued:      q.admitted.Load() - q.left.Load(),
		QueuedBytes: q.bytes.Load(),
		Rejected:    maps.Clone(b.rejected),
		Dropped:     map[string]int64{},
	}
	s.Put = s.Queued + q.left.Load()
	for d, reason := range doorReasons {
		if n := q.refused[d].Load(); n > 0 {
			s.Dropped[reason] += n
			s.Put += n
		}
	}
	if b.tooLarge > 0 {
		s.Dropped[DroppedFullBytes] += b.tooLarge
	}
	if b.broken > 0 {
		s.Dropped[DroppedBroken] += b.broken
	}
	return s
}
