package moesif

import (
	"io"
	"sync"
)

// body is the bounded beginning of a request's or an answer's body. Bytes may
// still pass after it is sealed, from a transport that goes on reading a request
// behind its answer, say; they are not looked at any more.
type body struct {
	limit int // bytes kept at most; set before use

	mu     sync.Mutex // guards the fields below until sealed
	sealed bool
	kept   []byte
	total  int64 // bytes that have passed
	ended  bool  // the end of the body was seen
}

// firstRoom bounds, in bytes, what is set aside for a body that was only announced:
// many slow clients may promise much.
const firstRoom = 16 << 10

// pass notes bytes on their way. expect is how long the whole body will be, 0 or
// less when unknown.
func pass[T []byte | string](b *body, p T, expect int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sealed || len(p) == 0 {
		return
	}
	b.total += int64(len(p))
	room := b.limit - len(b.kept)
	if room <= 0 {
		return
	}
	if b.kept == nil {
		size := max(min(expect, firstRoom), int64(len(p)))
		b.kept = make([]byte, 0, min(size, int64(b.limit)))
	}
	b.kept = append(b.kept, p[:min(room, len(p))]...)
}

// restart forgets what has passed: the body is sent again from its beginning.
func (b *body) restart() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.sealed {
		b.kept, b.total, b.ended = b.kept[:0], 0, false
	}
}

// skip notes bytes that pass without being looked at.
func (b *body) skip(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.sealed {
		b.total += n
	}
}

// end notes that the whole body has passed.
func (b *body) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.sealed {
		b.ended = true
	}
}

// room is the number of bytes that would still be kept.
func (b *body) room() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sealed {
		return 0
	}
	return b.limit - len(b.kept)
}

// size is the length of the whole body in bytes, -1 when unknown. declared is
// what Content-Length said, -1 when it did not.
func (b *body) size(declared int64) int64 {
	if declared < 0 && b.ended {
		return b.total
	}
	return declared
}

// isCut reports whether less is kept than there was; see size.
func (b *body) isCut(declared int64) bool {
	size := b.size(declared)
	return size < 0 || int64(len(b.kept)) < size
}

func (b *body) seal() {
	b.mu.Lock()
	b.sealed = true
	b.mu.Unlock()
}

// requestBody lets a request's body be read while its beginning is kept.
type requestBody struct {
	io.ReadCloser
	x *Exchange
}

func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		pass(&b.x.request, p[:n], b.x.length)
	}
	if err == io.EOF {
		b.x.request.end()
	}
	return n, err
}
