package moesif

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// A handler asks a writer what it can do by asserting interfaces, so a wrapper
// must have exactly those that the wrapped writer has: one it hides breaks
// streaming, websockets or sendfile without a word, one it makes up promises
// what cannot be kept. Hence one type for each set, named by its letters: F for
// http.Flusher, H for http.Hijacker, R for io.ReaderFrom, P for http.Pusher.
// Each holds a single pointer, so that making one does not allocate.
type (
	withF    struct{ *response }
	withH    struct{ *response }
	withR    struct{ *response }
	withP    struct{ *response }
	withFH   struct{ withF }
	withFR   struct{ withF }
	withFP   struct{ withF }
	withHR   struct{ withH }
	withHP   struct{ withH }
	withRP   struct{ withR }
	withFHR  struct{ withFH }
	withFHP  struct{ withFH }
	withFRP  struct{ withFR }
	withHRP  struct{ withHR }
	withFHRP struct{ withFHR }
)

type (
	hijacked = *bufio.ReadWriter
	pushing  = *http.PushOptions
)

func (w withF) Flush()            { _ = w.flush() } // http.Flusher has no error to give
func (w withF) FlushError() error { return w.flush() }

func (w withH) Hijack() (net.Conn, hijacked, error)  { return w.hijack() }
func (w withFH) Hijack() (net.Conn, hijacked, error) { return w.hijack() }

func (w withR) ReadFrom(src io.Reader) (int64, error)   { return w.readFrom(src) }
func (w withFR) ReadFrom(src io.Reader) (int64, error)  { return w.readFrom(src) }
func (w withHR) ReadFrom(src io.Reader) (int64, error)  { return w.readFrom(src) }
func (w withFHR) ReadFrom(src io.Reader) (int64, error) { return w.readFrom(src) }

func (w withP) Push(target string, o pushing) error    { return w.push(target, o) }
func (w withFP) Push(target string, o pushing) error   { return w.push(target, o) }
func (w withHP) Push(target string, o pushing) error   { return w.push(target, o) }
func (w withRP) Push(target string, o pushing) error   { return w.push(target, o) }
func (w withFHP) Push(target string, o pushing) error  { return w.push(target, o) }
func (w withFRP) Push(target string, o pushing) error  { return w.push(target, o) }
func (w withHRP) Push(target string, o pushing) error  { return w.push(target, o) }
func (w withFHRP) Push(target string, o pushing) error { return w.push(target, o) }

const (
	canF = 1 << iota
	canH
	canR
	canP
)

// like returns w with the abilities of the writer it wraps.
func (w *response) like() http.ResponseWriter {
	can := 0
	if _, ok := w.ResponseWriter.(http.Flusher); ok {
		can |= canF
	}
	if canHijack(w.ResponseWriter) {
		can |= canH
	}
	if _, ok := w.ResponseWriter.(io.ReaderFrom); ok {
		can |= canR
	}
	if _, ok := w.ResponseWriter.(http.Pusher); ok {
		can |= canP
	}
	switch can {
	case canF | canH | canR: // HTTP/1.1
		return withFHR{withFH{withF{w}}}
	case canF | canP: // HTTP/2
		return withFP{withF{w}}
	case canF:
		return withF{w}
	case canH:
		return withH{w}
	case canR:
		return withR{w}
	case canP:
		return withP{w}
	case canF | canH:
		return withFH{withF{w}}
	case canF | canR:
		return withFR{withF{w}}
	case canH | canR:
		return withHR{withH{w}}
	case canH | canP:
		return withHP{withH{w}}
	case canR | canP:
		return withRP{withR{w}}
	case canF | canH | canP:
		return withFHP{withFH{withF{w}}}
	case canF | canR | canP:
		return withFRP{withFR{withF{w}}}
	case canH | canR | canP:
		return withHRP{withHR{withH{w}}}
	case canF | canH | canR | canP:
		return withFHRP{withFHR{withFH{withF{w}}}}
	}
	return w
}
