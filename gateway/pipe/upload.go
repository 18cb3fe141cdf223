package pipe

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// upload is a request's body on its way to the backend, never buffered. The
// transport may still read it when the answer is there.
type upload struct {
	io.ReadCloser
	w        http.ResponseWriter // of HTTP/1.x; nil: of HTTP/2, which ends bodies by itself
	mu       sync.Mutex          // held while the body is read
	ended    atomic.Bool         // all of it was read
	closed   atomic.Bool         // what comes is thrown away
	over     atomic.Bool         // nobody but net/http may read it any more
	from, to http.Header         // trailers: copied, for the names that to has, when the body ends
}

// openUpload prepares r's body: the answer may begin while it is still read. nil
// when r has none.
func openUpload(w http.ResponseWriter, r *http.Request) *upload {
	if r.Body == nil || r.Body == http.NoBody || (r.ContentLength == 0 && len(r.TransferEncoding) == 0) {
		return nil
	}
	_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/2 always is
	if r.ProtoMajor != 1 {
		w = nil
	}
	return &upload{ReadCloser: r.Body, w: w}
}

// Read implements io.Reader.
func (u *upload) Read(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed.Load() || u.over.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := u.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		for name := range u.to {
			u.to[name] = u.from[name]
		}
		u.ended.Store(true)
	}
	return n, err
}

const (
	// lingering is how long a client may go on sending a body that the backend did not
	// wait for, before its connection is closed.
	lingering = 100 * time.Millisecond

	// tolerated is how much of it, in bytes, is thrown away meanwhile: what net/http
	// throws away when a request ends.
	tolerated = 256 << 10
)

// Close implements io.Closer. What comes in for a little longer is thrown away, so
// that a client which first sends everything gets to read the answer. net/http closes
// the body, and does not use the connection of a client that sends nothing again.
func (u *upload) Close() error {
	if u.w == nil {
		return u.ReadCloser.Close()
	}
	if u.closed.Swap(true) || u.over.Load() || u.ended.Load() {
		return nil
	}
	u.linger() // first: somebody may be reading
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over.Load() {
		return nil
	}
	if _, err := io.CopyN(io.Discard, u.ReadCloser, tolerated); errors.Is(err, io.EOF) {
		u.ended.Store(true)
	}
	return nil
}

// linger bounds what is read from the client from now on.
func (u *upload) linger() {
	_ = http.NewResponseController(u.w).SetReadDeadline(time.Now().Add(lingering)) // fails only where there is no connection any more
}

// answered is called before the answer begins; u may be nil. When the body is still
// being sent, the connection can't be used again: what comes next on it is unknown.
func (u *upload) answered(w http.ResponseWriter, r *http.Request) {
	if u != nil && !u.ended.Load() && r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
}

// finish is called when the answer is complete; u may be nil. A body that is still
// being sent must not hold up the end of the request, and nobody may be reading it
// then: net/http would interrupt the read and take the deadline away, and whoever reads
// next, be it net/http itself, would wait for ever.
func (u *upload) finish() {
	if u == nil || u.w == nil || u.ended.Load() {
		return
	}
	c := http.NewResponseController(u.w)
	_ = c.Flush() // all of these fail only where there is no connection any more
	u.over.Store(true)
	if !u.mu.TryLock() {
		_ = c.SetReadDeadline(time.Now())
		u.mu.Lock()
	}
	defer u.mu.Unlock()
	if !u.ended.Load() { // else net/http is waiting for the next request
		u.linger()
	}
}
