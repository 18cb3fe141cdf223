package journal

import "sync/atomic"

// defaultMaxBehind is what may wait for the event store, in bytes on disk: at
// 30,000 events a second some ten minutes.
const defaultMaxBehind = 4 << 30

// segmentBytes is the grain in which the backlog shrinks.
const segmentBytes = 1 << 20

// backlog counts the bytes of the blocks that are not trimmed yet.
type backlog struct {
	bytes    atomic.Int64
	segments []segment // oldest first; owned by the committer
}

// segment is a run of blocks.
type segment struct {
	last  uint64 // its last block
	bytes int64
}

func (b *backlog) add(seq uint64, bytes int64) {
	b.bytes.Add(bytes)
	if n := len(b.segments); n > 0 && b.segments[n-1].bytes < segmentBytes {
		b.segments[n-1].last = seq
		b.segments[n-1].bytes += bytes
		return
	}
	b.segments = append(b.segments, segment{seq, bytes})
}

// trim takes off the segments that are trimmed whole.
func (b *backlog) trim(upTo uint64) {
	for len(b.segments) > 0 && b.segments[0].last <= upTo {
		b.bytes.Add(-b.segments[0].bytes)
		b.segments = b.segments[1:]
	}
}
