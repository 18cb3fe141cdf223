package moesif

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// response notes an answer on its way to the client. It is used like the server's
// own writer, by one goroutine at a time. What else that writer can do is added
// around it by like; http.ResponseController reaches the rest through Unwrap.
type response struct {
	http.ResponseWriter
	it     *item
	length int64 // announced by Content-Length, 0 when it was not
	begun  bool  // the status is known
}

// Unwrap gives the server's writer to http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader passes everything on. Of the informational statuses only 101 is
// final, the others are not the answer (RFC 9110, 15.2).
func (w *response) WriteHeader(status int) {
	if status >= 200 && status <= 999 || status == http.StatusSwitchingProtocols {
		w.begin(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	n, err := w.ResponseWriter.Write(p)
	if n > 0 && w.hasBody() {
		pass(&w.it.exchange.response, p[:n], w.length)
	}
	return n, err
}

// WriteString is for io.WriteString.
func (w *response) WriteString(s string) (int, error) {
	w.begin(http.StatusOK)
	n, err := io.WriteString(w.ResponseWriter, s)
	if n > 0 && w.hasBody() {
		pass(&w.it.exchange.response, s[:n], w.length)
	}
	return n, err
}

// begin records the answer's status and headers, once.
func (w *response) begin(status int) {
	if w.begun {
		return
	}
	w.begun = true
	header := w.Header()
	setHeaders(header, w.it.exchange.toAdd())
	if values := header["Content-Length"]; len(values) == 1 {
		if n, err := strconv.ParseInt(values[0], 10, 64); err == nil {
			w.length = n
		}
	}
	w.it.exchange.answered(status, header)
}

// hasBody is false for the answer to a HEAD: the server takes its body and sends none.
func (w *response) hasBody() bool { return w.it.exchange.method != http.MethodHead }

func (w *response) flush() error {
	w.begin(http.StatusOK)
	switch f := w.ResponseWriter.(type) {
	case interface{ FlushError() error }:
		return f.FlushError()
	case http.Flusher:
		f.Flush()
	}
	return nil
}

// hijack hands the connection over. What happens on it from then on is no HTTP,
// so the exchange is reported at once.
func (w *response) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.begin(http.StatusSwitchingProtocols)
		w.it.report()
	}
	return conn, rw, err
}

func (w *response) push(target string, o *http.PushOptions) error {
	if p, ok := w.ResponseWriter.(http.Pusher); ok {
		return p.Push(target, o)
	}
	return http.ErrNotSupported
}

// readFrom copies until enough is kept, then leaves the rest to the server's
// writer, which may hand it to the kernel (sendfile, splice).
func (w *response) readFrom(src io.Reader) (n int64, err error) {
	w.begin(http.StatusOK)
	body := &w.it.exchange.response
	if w.hasBody() && body.room() > 0 {
		n, err = w.readFirst(src)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return n, err
		}
	}
	rest, err := w.ResponseWriter.(io.ReaderFrom).ReadFrom(src)
	if w.hasBody() {
		body.skip(rest)
	}
	return n + rest, err
}

// readFirst copies what src has until enough of the body is kept. The error is
// io.EOF when src had no more.
func (w *response) readFirst(src io.Reader) (n int64, err error) {
	buffer := buffers.Get().(*[copySize]byte)
	defer buffers.Put(buffer)
	for {
		room := w.it.exchange.response.room()
		if room == 0 {
			return n, nil
		}
		got, readErr := src.Read(buffer[:min(room, copySize)])
		if got > 0 {
			wrote, err := w.Write(buffer[:got])
			n += int64(wrote)
			if err != nil {
				return n, err
			}
			if wrote < got {
				return n, io.ErrShortWrite
			}
		}
		if readErr != nil {
			return n, readErr
		}
	}
}

const copySize = 16 << 10

var buffers = sync.Pool{New: func() any { return new([copySize]byte) }}

// canHijack looks for a Hijacker the way http.ResponseController does, so that a
// connection is never taken over behind the record's back.
func canHijack(w http.ResponseWriter) bool {
	for {
		switch t := w.(type) {
		case http.Hijacker:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return false
		}
	}
}
