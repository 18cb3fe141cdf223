package queue

import (
	"errors"
	"fmt"
	"time"

	"github.com/gatemeter/gatemeter/moesif/queue/spool"
)

// ErrDamaged says that the bytes of a block cannot be read and never will be.
// Other errors of Block.Data may pass.
var ErrDamaged = spool.ErrDamaged

// Block is a run of events, encoded as one JSON array and compressed with gzip:
// the body of a push as it is. It belongs to whoever took it until Done, Return
// or Split.
type Block struct {
	sealed *sealed // shared with the other parts of a block that was split
	from   int32   // index of the first event in sealed
	events int32
	ready  bool          // sealed; under Queue.mu
	failed time.Duration // when it could not be read first, as Queue.now; 0 when it could
	next   *Block        // in the line; under Queue.mu
}

// sealed is what a worker makes of a group. It is in memory, on disk, or for a
// moment both. Everything but seq, total and queue is under Queue.mu.
type sealed struct {
	queue *Queue
	seq   uint64 // place in the line
	total int32  // events

	events int32 // not out yet
	gzip   int32 // bytes of the compressed array in data; behind them is the index
	data   packed
	bytes  int64 // charged for it
	place  spool.Place
	gone   []spool.Run // settled before it had a place

	since      time.Duration // when it was sealed, as Queue.now
	prev, next *sealed       // of those in memory only, by age
}

// blockOverhead is charged per block beside its data: Block and sealed, in
// memory as long as any of its events is held anywhere.
const blockOverhead = 208

// newBlock is a block that is to be filled.
func newBlock(q *Queue, seq uint64) *Block {
	b := new(struct { // one allocation
		Block
		sealed
	})
	b.Block.sealed = &b.sealed
	b.queue, b.seq = q, seq
	return &b.Block
}

// Events is the number of events in the block, at least 1.
func (b *Block) Events() int { return int(b.events) }

// Data is the gzip-compressed JSON array. It must not be changed. What is on disk
// is read, and half of a block that was split is compressed anew, by each call.
// After ErrDamaged nothing but Done is left to do; a block whose bytes cannot be
// read now is to be returned, and is given out again a little later.
func (b *Block) Data() ([]byte, error) {
	s := b.sealed
	data, gzip, err := s.load()
	if err == nil {
		b.failed = 0
	}
	if err == nil && b.events < s.total {
		return part(data[:gzip], data[gzip:], int(b.from), int(b.from+b.events))
	}
	if err == nil {
		return data[:gzip], nil
	}
	now := s.queue.now()
	if b.failed == 0 {
		b.failed = now
	}
	if now-b.failed >= giveUpAfter && !errors.Is(err, ErrDamaged) {
		err = fmt.Errorf("%w: it could not be read for %v: %w", ErrDamaged, giveUpAfter, err)
	}
	return nil, err
}

// load is the compressed array and the index behind it, from wherever they are.
func (s *sealed) load() (data []byte, gzip int, err error) {
	q := s.queue
	q.mu.Lock()
	waiting, place := s.data, s.place
	q.mu.Unlock()
	if !waiting.isZero() {
		return waiting.bytes(), int(s.gzip), nil
	}
	if place.IsZero() {
		return nil, 0, fmt.Errorf("queue: block is settled: %w", ErrDamaged)
	}
	return q.keeper.log.Read(place)
}

// Split divides a block of two events or more in halves, the earlier events
// first. Either b or both halves are then to be settled or returned. It takes no
// memory: the halves share what b holds until the last event of it is settled.
func (b *Block) Split() (first, second *Block) {
	half := b.events / 2
	first = &Block{events: half, from: b.from, sealed: b.sealed, ready: true}
	second = &Block{events: b.events - half, from: b.from + half, sealed: b.sealed, ready: true}
	return first, second
}

// before is the order of arrival.
func (b *Block) before(c *Block) bool {
	return b.sealed.seq < c.sealed.seq || b.sealed.seq == c.sealed.seq && b.from < c.from
}
