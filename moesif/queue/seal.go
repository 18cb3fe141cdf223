package queue

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// sealer compresses events into a gzip-compressed JSON array. Its buffers are
// scratch: what it returns is a copy.
type sealer struct {
	gz   *gzip.Writer
	out  bytes.Buffer // compressed
	text []byte       // not compressed yet

	index  []byte // the length of each event, as unsigned varints
	events int
}

// Scratch beyond these is not kept for the next block.
const (
	chunk   = 16 << 10 // text is compressed when there is that much of it: some 50 µs at a time
	keepOut = 4 << 20
	keepIn  = 1 << 20
)

var sealers = sync.Pool{New: func() any {
	gz, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	return &sealer{gz: gz, text: make([]byte, 0, chunk*2)}
}}

func newSealer() *sealer {
	s := sealers.Get().(*sealer)
	s.out.Reset()
	s.gz.Reset(&s.out)
	s.text, s.index, s.events = s.text[:0], s.index[:0], 0
	return s
}

func (s *sealer) free() {
	if s.out.Cap() > keepOut || cap(s.text) > keepIn {
		return
	}
	sealers.Put(s)
}

// add appends the item's event, and reports false when it has none to give: it
// panicked, or appended nothing.
func (s *sealer) add(it Item) (ok bool) {
	s.separate()
	start := len(s.text)
	defer func() {
		if !ok {
			_ = recover() // counted by the caller: the host goes on
			s.text = s.text[:start-1]
		}
	}()
	text := it.AppendEvent(s.text)
	if len(text) <= start {
		return false
	}
	s.text = text
	s.index = binary.AppendUvarint(s.index, uint64(len(text)-start))
	s.events++
	if len(s.text) >= chunk {
		s.compress()
		if err := s.gz.Flush(); err != nil { // else four chunks are compressed at once
			panic(err) // as above
		}
	}
	return true
}

// separate begins the array or goes on with it.
func (s *sealer) separate() {
	if s.events == 0 {
		s.text = append(s.text, '[')
		return
	}
	s.text = append(s.text, ',')
}

func (s *sealer) compress() {
	if _, err := s.gz.Write(s.text); err != nil {
		panic(err) // a bytes.Buffer does not fail
	}
	s.text = s.text[:0]
}

// finish ends the array. It returns the compressed bytes and behind them the
// index, good until the next use of s, and the length of the former.
func (s *sealer) finish() (data []byte, gzip int) {
	s.text = append(s.text, ']')
	s.compress()
	if err := s.gz.Close(); err != nil {
		panic(err) // as above
	}
	gzip = s.out.Len()
	s.out.Write(s.index)
	return s.out.Bytes(), gzip
}

// packed is bytes that wait, in one or two pieces whose capacity is what they
// take: beyond 32 KiB the allocator rounds up to pages, and the half page that
// each block would waste is some 6 % of it.
type packed struct{ pages, rest []byte }

func pack(b []byte) packed {
	const page = 8 << 10
	whole := 0
	if len(b) > 4*page {
		whole = len(b) &^ (page - 1)
	}
	var p packed
	if whole > 0 {
		p.pages = make([]byte, whole)
		copy(p.pages, b)
	}
	p.rest = append(p.rest, b[whole:]...)
	return p
}

func (p packed) isZero() bool { return p.pages == nil && p.rest == nil }

// size is the memory it takes, in bytes.
func (p packed) size() int64 { return int64(cap(p.pages) + cap(p.rest)) }

// bytes are all of it in one piece, which must not be changed.
func (p packed) bytes() []byte {
	if len(p.pages) == 0 {
		return p.rest
	}
	return append(append(make([]byte, 0, len(p.pages)+len(p.rest)), p.pages...), p.rest...)
}

// part is the block of the events from to to (exclusive) of a sealed array.
func part(data, index []byte, from, to int) ([]byte, error) {
	start, end := 0, 0 // end is where a bracket or a comma stands, then the next event
	for i := range to {
		n, size := binary.Uvarint(index)
		if size <= 0 || n > uint64(len(data))*maxInflation {
			return nil, fmt.Errorf("queue: opening a sealed block: %w: no length of event %d", ErrDamaged, i)
		}
		index = index[size:]
		if i == from {
			start = end + 1
		}
		end += 1 + int(n)
	}
	text, err := unseal(data, end)
	if err != nil {
		return nil, err
	}
	s := newSealer()
	defer s.free()
	s.text = append(s.text, '[')
	s.text = append(s.text, text[start:]...)
	data, gzip := s.finish()
	return bytes.Clone(data[:gzip]), nil
}

// maxInflation bounds how many bytes come out of one that deflate has compressed.
const maxInflation = 1100

// unseal decompresses the first n bytes of an array.
func unseal(data []byte, n int) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("queue: opening a sealed block: %w: %w", ErrDamaged, err)
	}
	if n > len(data)*maxInflation {
		return nil, fmt.Errorf("queue: opening a sealed block of %d bytes: %w: %d are expected in it", len(data), ErrDamaged, n)
	}
	text := make([]byte, n)
	for at := 0; at < n; {
		m, err := r.Read(text[at:])
		at += m
		if err != nil && at < n {
			return nil, fmt.Errorf("queue: opening a sealed block at byte %d of %d: %w: %w", at, n, ErrDamaged, err)
		}
	}
	return text, nil
}
