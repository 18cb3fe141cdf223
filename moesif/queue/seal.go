package queue

import (
	"bytes"
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
	ends []uint32
	done uint32 // bytes of the array before text
}

// Scratch beyond these is not kept for the next block.
const (
	chunk   = 64 << 10 // text is compressed when there is that much of it
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
	s.text, s.ends, s.done = s.text[:0], s.ends[:0], 0
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
	s.mark()
	return true
}

// separate begins the array or goes on with it.
func (s *sealer) separate() {
	if len(s.ends) == 0 {
		s.text = append(s.text, '[')
		return
	}
	s.text = append(s.text, ',')
}

// mark notes where an event ends, and compresses what has come together.
func (s *sealer) mark() {
	s.ends = append(s.ends, s.done+uint32(len(s.text))) // a block is bounded far below 4 GiB
	if len(s.text) >= chunk {
		s.compress()
	}
}

func (s *sealer) compress() {
	s.done += uint32(len(s.text)) // as above
	if _, err := s.gz.Write(s.text); err != nil {
		panic(err) // a bytes.Buffer does not fail
	}
	s.text = s.text[:0]
}

// finish ends the array. It returns the compressed bytes, and where each event
// ends in the array, both owned by the caller.
func (s *sealer) finish() (data []byte, ends []uint32) {
	s.text = append(s.text, ']')
	s.compress()
	if err := s.gz.Close(); err != nil {
		panic(err) // as above
	}
	return bytes.Clone(s.out.Bytes()), append([]uint32(nil), s.ends...)
}

// part is the block of the events from to to (exclusive) of a sealed array.
func part(data []byte, ends []uint32, from, to int) ([]byte, error) {
	text, err := open(data, int(ends[to-1]))
	if err != nil {
		return nil, err
	}
	start := 1 // after the bracket
	if from > 0 {
		start = int(ends[from-1]) + 1 // after the comma
	}
	s := newSealer()
	defer s.free()
	s.text = append(s.text, '[')
	s.text = append(s.text, text[start:]...)
	data, _ = s.finish()
	return data, nil
}

// open decompresses the first n bytes of an array.
func open(data []byte, n int) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("queue: opening a sealed block: %w", err)
	}
	text := make([]byte, n)
	for at := 0; at < n; {
		m, err := r.Read(text[at:])
		at += m
		if err != nil && at < n {
			return nil, fmt.Errorf("queue: opening a sealed block at byte %d of %d: %w", at, n, err)
		}
	}
	return text, nil
}
