package http1

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// maxTrailer bounds, in bytes, the trailers of an answer, as net/http does.
const maxTrailer = 4096

// Read implements io.Reader. The connection goes back with the last byte. It may run
// beside Close, but not beside itself.
func (x *exchange) Read(p []byte) (int, error) {
	switch x.state.Load() {
	case ended:
		return 0, x.end
	case closed:
		return 0, http.ErrBodyReadAfterClose
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := x.read(p)
	if err == nil {
		return n, nil
	}
	whole := errors.Is(err, io.EOF)
	if !whole {
		err = x.why(err)
	}
	x.end = err
	if !x.state.CompareAndSwap(open, ended) {
		return n, http.ErrBodyReadAfterClose
	}
	x.answered(whole)
	return n, err
}

// read returns io.EOF, with the last bytes where it can, only when the body is whole.
func (x *exchange) read(p []byte) (int, error) {
	switch x.length {
	case untilClose:
		return x.c.r.Read(p)
	case chunked:
		n, err := x.chunks.Read(p)
		if errors.Is(err, io.EOF) {
			err = x.trailer()
		}
		return n, err
	}
	n, err := x.c.r.Read(p[:min(int64(len(p)), x.length)])
	x.length -= int64(n)
	if x.length == 0 {
		return n, io.EOF
	}
	return n, unexpected(err)
}

// trailer reads what follows the last chunk, and returns io.EOF when that is well.
func (x *exchange) trailer() error {
	begin, err := x.c.r.Peek(2)
	if err != nil {
		return unexpected(err)
	}
	if string(begin) == "\r\n" {
		_, _ = x.c.r.Discard(2) // is buffered
		return io.EOF
	}
	block, lines, err := x.c.block(maxTrailer, nil)
	if errors.Is(err, errTooLong) {
		return malformed("more than %d bytes of trailers", maxTrailer)
	}
	if err != nil {
		return err
	}
	if !bytes.HasSuffix(block, []byte("\r\n\r\n")) {
		return malformed("trailers with bare line feeds")
	}
	trailer, err := parseTrailer(block, lines)
	if err != nil {
		return err
	}
	maps.DeleteFunc(trailer, func(name string, _ []string) bool { return framing(name) })
	if x.resp.Trailer == nil {
		x.resp.Trailer = trailer
		return io.EOF
	}
	maps.Copy(x.resp.Trailer, trailer)
	return io.EOF
}

// Close implements io.Closer. A body that was not read to its end takes its
// connection with it.
func (x *exchange) Close() error {
	if x.state.CompareAndSwap(open, closed) {
		x.answered(false)
	}
	return nil
}

// unzipped is the body of an answer that came with gzip because the transport asked.
type unzipped struct {
	body *exchange
	gzip *gzip.Reader // nil before the first read, and after the last
	end  error
}

var unzippers sync.Pool // of *gzip.Reader

// Read implements io.Reader.
func (u *unzipped) Read(p []byte) (int, error) {
	if u.end != nil {
		return 0, u.end
	}
	if u.gzip == nil {
		if u.end = u.begin(); u.end != nil {
			return 0, u.end
		}
	}
	n, err := u.gzip.Read(p)
	if err != nil {
		unzippers.Put(u.gzip)
		u.gzip, u.end = nil, err
	}
	return n, err
}

func (u *unzipped) begin() (err error) {
	z, ok := unzippers.Get().(*gzip.Reader)
	if !ok {
		u.gzip, err = gzip.NewReader(u.body)
		return err
	}
	if err = z.Reset(u.body); err != nil {
		unzippers.Put(z)
		return err
	}
	u.gzip = z
	return nil
}

// Close implements io.Closer. It leaves the decompressor to a read that is under way.
func (u *unzipped) Close() error { return u.body.Close() }

// tunnel is the body of 101 Switching Protocols: the connection.
type tunnel struct{ c *conn }

// Read implements io.Reader.
func (t *tunnel) Read(p []byte) (int, error) {
	if ahead := t.c.r.Buffered(); ahead > 0 {
		return t.c.r.Read(p[:min(len(p), ahead)])
	}
	return t.c.Read(p)
}

// Write implements io.Writer.
func (t *tunnel) Write(p []byte) (int, error) { return t.c.Write(p) }

// Close implements io.Closer.
func (t *tunnel) Close() error { return t.c.Close() }

// CloseWrite ends the direction to the server.
func (t *tunnel) CloseWrite() error {
	if half, ok := t.c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

var (
	_ io.ReadCloser      = (*exchange)(nil)
	_ io.ReadCloser      = (*unzipped)(nil)
	_ io.ReadWriteCloser = (*tunnel)(nil)
)
