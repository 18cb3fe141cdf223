package collect

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
)

// errTooMuch says that a body has more decoded bytes than allowed.
var errTooMuch = errors.New("too many bytes")

// errBusy says that too many bodies are in memory already.
var errBusy = errors.New("too many bodies at once")

// readBody returns the decoded body, which has at most limit bytes. The memory
// is the caller's until it calls release, which is never nil.
func (c *Collector) readBody(w http.ResponseWriter, r *http.Request, limit int64) (body []byte, release func(), err error) {
	var held int64
	release = func() { c.budget.Release(held) }
	src, err := decoder(http.MaxBytesReader(w, r.Body, limit), r.Header.Get("Content-Encoding"))
	if err == nil {
		var hint int64 = 16 << 10
		if r.ContentLength > hint && r.ContentLength <= limit {
			hint = r.ContentLength + 1
		}
		body, err = readBounded(src, hint, limit, func(n int64) bool {
			ok := c.budget.TryAcquire(n)
			if ok {
				held += n
			}
			return ok
		})
	}
	var tooLong *http.MaxBytesError
	var p *problem
	switch {
	case err == nil:
		return body, release, nil
	case errors.As(err, &p):
		return nil, release, p
	case errors.As(err, &tooLong), errors.Is(err, errTooMuch):
		return nil, release, refusal(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes: send fewer items at once", limit))
	case errors.Is(err, errBusy):
		return nil, release, refusal(http.StatusServiceUnavailable, "too many large requests at once: send it again")
	}
	return nil, release, refusal(http.StatusBadRequest, "the body cannot be read: "+err.Error())
}

// decoder undoes a Content-Encoding. "deflate" is both zlib's format, as the
// RFC has it, and the raw one, which some clients send (Moesif wire, 0.6).
func decoder(body io.Reader, encoding string) (io.Reader, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		return gzip.NewReader(body)
	case "deflate":
		b := bufio.NewReader(body)
		head, err := b.Peek(2)
		if err != nil {
			return nil, err
		}
		// A zlib header names method 8 and is a multiple of 31 (RFC 1950).
		if head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			return zlib.NewReader(b)
		}
		return flate.NewReader(b), nil
	}
	return nil, refusal(http.StatusUnsupportedMediaType, "Content-Encoding must be gzip, deflate or identity")
}

// readBounded reads all of src, at most limit bytes, into a buffer that starts
// with hint bytes. It asks reserve for every byte of memory before it takes it.
func readBounded(src io.Reader, hint, limit int64, reserve func(n int64) bool) ([]byte, error) {
	if !reserve(hint) {
		return nil, errBusy
	}
	buf := make([]byte, 0, hint)
	for {
		n, err := src.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return nil, errTooMuch
		}
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
		if len(buf) < cap(buf) {
			continue
		}
		// One byte beyond the limit is enough to see that there is one.
		size := min(int64(cap(buf))*2, limit+1)
		if !reserve(size) {
			return nil, errBusy
		}
		buf = append(make([]byte, 0, size), buf...)
	}
}
