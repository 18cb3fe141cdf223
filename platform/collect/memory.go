package collect

import (
	"slices"
	"sync"
)

// sizes are those of the pieces of memory that are used again, in bytes. Each is
// so much larger than the one before that growing copies little, and so little that
// a request holds at most four times what it needs.
var sizes = [...]int{16 << 10, 64 << 10, 256 << 10, 1 << 20}

// pools hold pieces that nobody uses, by size, until the next collection of garbage.
var pools [len(sizes)]sync.Pool

// get returns an empty piece of memory for size bytes or more, taken from m.
func (m *room) get(size int64) ([]byte, error) {
	i := slices.IndexFunc(sizes[:], func(s int) bool { return int64(s) >= size })
	if i < 0 {
		if err := m.take(size); err != nil {
			return nil, err
		}
		return make([]byte, 0, size), nil
	}
	if err := m.take(int64(sizes[i])); err != nil {
		return nil, err
	}
	if b, ok := pools[i].Get().(*[]byte); ok {
		return *b, nil
	}
	return make([]byte, 0, sizes[i]), nil
}

// put gives back a piece of memory that nothing refers to any more.
func (m *room) put(b []byte) {
	m.give(int64(cap(b)))
	if i := slices.Index(sizes[:], cap(b)); i >= 0 {
		b = b[:0]
		pools[i].Put(&b)
	}
}

// grew takes the memory of a piece that append has put in the place of old.
func (m *room) grew(old, now []byte) error {
	if cap(now) == cap(old) {
		return nil
	}
	if err := m.take(int64(cap(now))); err != nil {
		return err
	}
	m.put(old)
	return nil
}
