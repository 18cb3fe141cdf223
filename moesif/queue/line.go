package queue

import (
	"context"
	"io"
	"slices"
	"sort"
	"time"

	"github.com/gatemeter/gatemeter/moesif/queue/spool"
)

// line holds the blocks that nobody has taken, in the order of their events.
// A block is in line before it is sealed, so workers may finish in any order.
type line struct {
	returned    []*Block // sorted; each before every block of first…last
	first, last *Block
	seq         uint64 // of the last block that was enqueued
	unsealed    int    // blocks that are to be filled
	ended       bool   // the dispatcher adds no more
}

// append puts b at the end.
func (l *line) append(b *Block) {
	if l.first == nil {
		l.first = b
	} else {
		l.last.next = b
	}
	l.last = b
}

// enqueue adds a block that is to be filled.
func (q *Queue) enqueue() *Block {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := &q.line
	l.seq++
	l.unsealed++
	b := newBlock(q, l.seq)
	l.append(b)
	return b
}

// fill encodes and seals a group. Its charge becomes that of the block; should
// the block be larger than its raw items, and not fit, it is dropped.
func (q *Queue) fill(b *Block, g group) {
	g.encode()
	enc := g.encoded
	kept := enc.events
	out := outcome{broken: int64(g.events - kept)}
	var data packed
	var gzip int
	var size int64
	if kept > 0 {
		var b []byte
		b, gzip = enc.finish()
		data = pack(b)
		size = data.size() + blockOverhead
	}
	enc.free()
	switch grown := size - g.bytes; {
	case grown <= 0:
		out.bytes = -grown
	case !q.reserve(grown):
		out.tooLarge, out.bytes = int64(kept), g.bytes
		kept = 0
	}

	q.mu.Lock()
	defer q.mu.Unlock()
	q.line.unsealed--
	b.events, b.ready = int32(kept), true
	if s := b.sealed; kept > 0 {
		s.data, s.gzip, s.bytes = data, int32(gzip), size
		s.events, s.total = b.events, b.events
		if q.keeper != nil {
			q.keeper.add(s)
		}
	}
	q.settle(out)
	q.moved.Broadcast()
}

// endOfLine says that no more blocks are enqueued.
func (q *Queue) endOfLine() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.line.ended = true
	q.moved.Broadcast()
}

// pop takes the first block if it is sealed; what came out empty is left out.
func (l *line) pop() *Block {
	if len(l.returned) > 0 {
		b := l.returned[0]
		l.returned = slices.Delete(l.returned, 0, 1)
		return b
	}
	for l.first != nil && l.first.ready {
		b := l.first
		l.first, b.next = b.next, nil
		if b.events > 0 {
			return b
		}
	}
	return nil
}

func (l *line) empty() bool { return len(l.returned) == 0 && l.first == nil }

// Take waits for the next block in the order of arrival. It returns io.EOF when
// the queue is closed and all blocks are taken, or the context's error.
func (q *Queue) Take(ctx context.Context) (*Block, error) {
	defer context.AfterFunc(ctx, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.moved.Broadcast()
	})()
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if b := q.line.pop(); b != nil {
			return b, nil
		}
		if q.line.ended && q.line.empty() {
			return nil, io.EOF
		}
		q.moved.Wait()
	}
}

// TryTake is Take without waiting: nil when no block is ready.
func (q *Queue) TryTake() *Block {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.line.pop()
}

// Return puts a block that was taken, or what it was split into, back in its
// place, before all that came later. One that could not be read just now comes
// back after half a minute, or with the next Open.
func (q *Queue) Return(b *Block) {
	if b.failed != 0 {
		time.AfterFunc(readRetry, func() { q.putBack(b) })
		return
	}
	q.putBack(b)
}

func (q *Queue) putBack(b *Block) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := &q.line
	i := sort.Search(len(l.returned), func(i int) bool { return b.before(l.returned[i]) })
	l.returned = slices.Insert(l.returned, i, b)
	q.moved.Broadcast()
}

// Done settles a block that was taken, or a part of one: rejected says how many
// of its events the collector refused for good, by reason; the others were sent.
func (q *Queue) Done(b *Block, rejected map[string]int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := b.sealed
	out := outcome{sent: int64(b.events), rejected: rejected, spooled: s.data.isZero()}
	s.events -= b.events
	if s.events == 0 {
		out.bytes = s.bytes
		s.data = packed{}
	}
	q.settle(out)
	if q.keeper != nil {
		q.keeper.settle(s, spool.Run{From: int(b.from), Events: int(b.events)})
	}
}
