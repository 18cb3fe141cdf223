package pipe

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// upload is a request's body on its way to the backend, never buffered. The
// transport may still read it when the answer is there.
type upload struct {
	io.ReadCloser
	w        http.ResponseWriter // of HTTP/1.x; nil: of HTTP/2, which ends bodies by itself
	ended    atomic.Bool
	from, to http.Header // trailers: copied, for the names that to has, when the body ends
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
	n, err := u.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		for name := range u.to {
			u.to[name] = u.from[name]
		}
		u.ended.Store(true)
	}
	return n, err
}

// lingering is how long a client may go on sending a body that the backend did not
// wait for, before its connection is closed.
const lingering = 100 * time.Millisecond

// Close implements io.Closer. net/http reads what has not come yet, so that a client
// which sends nothing would hold up whoever closes its body. The connection of such a
// client is not used again.
func (u *upload) Close() error {
	if u.w != nil && !u.ended.Load() {
		_ = http.NewResponseController(u.w).SetReadDeadline(time.Now().Add(lingering)) // fails only where there is no connection any more
	}
	return u.ReadCloser.Close()
}

// answered is called before the answer begins; u may be nil. When the body is still
// being sent, the connection can't be used again: what comes next on it is unknown.
func (u *upload) answered(w http.ResponseWriter, r *http.Request) {
	if u != nil && !u.ended.Load() && r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
}

// finish is called when the answer is complete; u may be nil. A body that is still
// being sent must not hold up the end of the request: net/http would wait for it.
func (u *upload) finish(w http.ResponseWriter) {
	if u == nil || u.ended.Load() {
		return
	}
	c := http.NewResponseController(w)
	_ = c.Flush() // both fail only where there is no connection any more
	_ = c.SetReadDeadline(time.Now().Add(lingering))
}
