package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync/atomic"
)

// ErrFull says that a block does not fit under the bound.
var ErrFull = errors.New("the spool is full")

// Log is an open spool. Its methods are for one goroutine, but for Read and Size.
//
// Append and Settle are staged until a Commit. Should any of them fail, all that
// was staged is void: it is to be appended and settled again.
type Log struct {
	fs           FS
	lock         io.Closer
	max          int64 // bytes
	segmentBytes int64 // at which the next segment is begun

	segments []*segment // oldest first
	number   uint64     // of the newest
	current  *segment   // the last of segments, or nil when a new one is to be made
	file     File       // of current
	buf      []byte     // to be written at the end of current
	unsynced bool       // something was written since the last Commit
	staged   int        // blocks
	settled  []*segment // those of blocks whose last note is staged
	owed     int64      // blocks whose last note is still to be staged: there is room for it

	cut     *segment // has bytes at its end that are void; nil for none
	cutFile File     // of cut

	size atomic.Int64 // of all segments, buf included
}

// segment is a file. Name and salt never change, the rest is the Log's.
type segment struct {
	name      string
	salt      uint64
	size      int64 // in bytes, with what is staged
	committed int64 // bytes that were synced
	live      int   // blocks that are not settled
	kept      bool  // it could not be read to the end: not ours to delete
}

// Place is where a block stands. The zero Place is nowhere.
type Place struct {
	segment *segment
	at      int64
	size    int64 // of the record
}

// IsZero reports whether p is nowhere.
func (p Place) IsZero() bool { return p.segment == nil }

// Block is what is kept of a block of events.
type Block struct {
	Seq    uint64 // place in the order of arrival
	Events int
	Data   []byte // the gzip part, and the index part
	Gzip   int    // bytes of the first
}

const (
	maxSegment = 32 << 20
	minSegment = 16 << 10
	writeAt    = 1 << 20 // buffered bytes that are written at once
)

func segmentBytes(maxBytes int64) int64 { return max(minSegment, min(maxSegment, maxBytes/16)) }

// Size is what the spool takes on disk, in bytes. It may be called by anybody.
func (l *Log) Size() int64 { return l.size.Load() }

// Append stages a block. ErrFull means that there is no room for it; nothing is
// void then.
func (l *Log) Append(b Block) (Place, error) {
	if l.current != nil && l.current.size >= l.segmentBytes && !l.IsStaged() {
		l.abandon()
	}
	h := header{
		kind: kindBlock, seq: b.Seq, events: uint32(b.Events),
		gzip: uint32(b.Gzip), index: uint32(len(b.Data) - b.Gzip),
		crc: crc32.Checksum(b.Data, castagnoli),
	}
	if l.Size()+segmentHeader+h.size()+(l.owed+1)*recordHeader > l.max {
		return Place{}, ErrFull
	}
	if err := l.begin(); err != nil {
		return Place{}, l.void(err)
	}
	p := Place{segment: l.current, at: l.current.size, size: h.size()}
	l.buf = h.append(l.buf, l.current.salt)
	l.buf = append(l.buf, b.Data...)
	l.grow(h.size())
	l.staged++
	l.owed++
	if len(l.buf) >= writeAt {
		return p, l.Write()
	}
	return p, nil
}

// Settle stages a note that some events of a block are settled. last says that
// none of it is left: it must be said once.
func (l *Log) Settle(p Place, seq uint64, events Run, last bool) error {
	if !last && l.Size()+segmentHeader+(l.owed+1)*recordHeader > l.max {
		return nil // they will only be sent again
	}
	if err := l.begin(); err != nil {
		return l.void(err)
	}
	h := header{kind: kindNote, seq: seq, from: uint32(events.From), events: uint32(events.Events)}
	l.buf = h.append(l.buf, l.current.salt)
	l.grow(recordHeader)
	if last {
		l.owed--
		l.settled = append(l.settled, p.segment)
	}
	return nil
}

// Write writes what is staged, so that it outlives the process.
func (l *Log) Write() error {
	if len(l.buf) == 0 {
		return nil
	}
	l.unsynced = true
	n, err := l.file.WriteAt(l.buf, l.current.size-int64(len(l.buf)))
	if err == nil && n < len(l.buf) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return l.void(fmt.Errorf("write: %w", err))
	}
	if l.buf = l.buf[:0]; cap(l.buf) > 4*writeAt {
		l.buf = nil
	}
	return nil
}

// Commit writes and syncs what is staged: it is kept from now on.
func (l *Log) Commit() error {
	if !l.IsStaged() {
		return nil
	}
	if err := l.Write(); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return l.void(fmt.Errorf("sync: %w", err))
	}
	if l.current.committed == 0 {
		if err := l.fs.Sync(); err != nil {
			return l.void(fmt.Errorf("sync: %w", err))
		}
	}
	l.current.committed = l.current.size
	l.current.live += l.staged
	for _, s := range l.settled {
		s.live--
	}
	l.forget()
	return nil
}

// Trim deletes the segments that are not needed any more, if nothing is staged,
// and what a failure has left behind.
func (l *Log) Trim() error {
	if err := l.clean(); err != nil {
		return err
	}
	for !l.IsStaged() {
		i := 0
		for i < len(l.segments) && l.segments[i].kept {
			i++
		}
		if i == len(l.segments) || l.segments[i].live > 0 {
			return nil
		}
		s := l.segments[i]
		if s == l.current {
			l.abandon()
		}
		// The next one is deleted after this one is gone for good: it may have
		// the notes about it.
		if err := l.remove(s); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes a segment.
func (l *Log) remove(s *segment) error {
	if err := l.fs.Remove(s.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove: %w", err)
	}
	if err := l.fs.Sync(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	l.segments = slices.DeleteFunc(l.segments, func(x *segment) bool { return x == s })
	l.size.Add(-s.size)
	return nil
}

// clean cuts off what is void of a segment, so that it does not come back with
// the next Open. As long as that fails, nothing else is written.
func (l *Log) clean() error {
	s := l.cut
	switch {
	case s == nil:
		return nil
	case s.committed == 0:
		if err := l.remove(s); err != nil {
			return err
		}
	default:
		if err := l.cutFile.Truncate(s.committed); err != nil {
			return fmt.Errorf("truncate: %w", err)
		}
		if err := l.cutFile.Sync(); err != nil {
			return fmt.Errorf("sync: %w", err)
		}
		l.size.Add(s.committed - s.size)
		s.size = s.committed
	}
	l.cutFile.Close() // all that counts of it is synced
	l.cut, l.cutFile = nil, nil
	return nil
}

// Read reads a block and checks it: ErrDamaged is for ever, other errors may
// pass. It may be called by anybody.
func (l *Log) Read(p Place) (data []byte, gzip int, err error) {
	fail := func(err error) error {
		return fmt.Errorf("spool: %s: block at byte %d: %w", p.segment.name, p.at, err)
	}
	f, err := l.fs.Open(p.segment.name)
	if err != nil {
		return nil, 0, fail(gone(err))
	}
	defer f.Close()
	data, gzip, err = read(f, p.at, p.size, p.segment.salt)
	if err != nil {
		return nil, 0, fail(err)
	}
	return data, gzip, nil
}

// Close commits what is staged, deletes what is not needed and unlocks the
// directory. The Log is only good for Read afterwards.
func (l *Log) Close() error {
	err := l.Commit()
	if err == nil {
		err = l.Trim()
	}
	l.abandon()
	if l.cutFile != nil {
		l.cutFile.Close() // its end is void
	}
	return errors.Join(err, l.lock.Close())
}

// IsStaged reports whether there is something to commit.
func (l *Log) IsStaged() bool { return len(l.buf) > 0 || l.unsynced }

// begin makes sure that there is a current segment.
func (l *Log) begin() error {
	if l.current != nil {
		return nil
	}
	if err := l.clean(); err != nil {
		return err
	}
	s := &segment{salt: rand.Uint64()}
	s.name = segmentName(l.number+1, s.salt)
	f, err := l.fs.Create(s.name)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	l.number++
	l.current, l.file = s, f
	l.segments = append(l.segments, s)
	l.buf = appendSegmentHeader(l.buf[:0], s.salt)
	l.grow(segmentHeader)
	return nil
}

func (l *Log) grow(n int64) {
	l.current.size += n
	l.size.Add(n)
}

// forget makes nothing staged.
func (l *Log) forget() {
	l.buf = l.buf[:0]
	l.unsynced, l.staged, l.settled = false, 0, nil
}

// void undoes what is staged, and returns err.
func (l *Log) void(err error) error {
	l.owed += int64(len(l.settled)) - int64(l.staged)
	l.forget()
	if l.current != nil {
		// Whether it can be trusted with anything more is not known.
		l.cut, l.cutFile = l.current, l.file
		l.current, l.file = nil, nil
	}
	_ = l.clean() // else it is tried again before anything else
	return err
}

// abandon ends the current segment.
func (l *Log) abandon() {
	if l.file != nil {
		l.file.Close() // what counts of it is synced
	}
	l.current, l.file = nil, nil
}
