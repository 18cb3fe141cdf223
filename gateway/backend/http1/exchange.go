package http1

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// exchange is one request on one connection, and the body of its answer. Reading,
// Close and the upload are three goroutines at most; all else is the request's.
type exchange struct {
	t    *Transport
	c    *conn // not ours any more when nobody is left
	req  *http.Request
	ctx  context.Context
	stop func() bool // of c.interrupt; nil when ctx never ends
	resp http.Response

	written  bool  // some of the request
	broken   error // of writing the head
	pending  bool  // the body is held back until the server wants it
	uploaded bool  // the body is closed, or the upload's to close
	heard    bool  // some of the answer
	reusable bool  // when the answer has been read to its end

	length int64     // of what is left of the answer's body, untilClose or chunked
	chunks io.Reader // of a chunked one
	state  atomic.Int32
	end    error // what further reads return, once state is ended

	mu        sync.Mutex // guards the next two
	headed    bool       // the answer's headers are there
	uploadErr error      // of reading the request's body

	left    atomic.Int32 // who still uses c: the answer, the upload
	spoiled atomic.Bool  // c can't be used again
	late    *time.Timer  // ends an upload that the answer did not wait for
}

// The states of an answer's body.
const (
	open int32 = iota
	ended
	closed
)

// lateUpload is how long an upload may go on when the answer has been read, before
// its connection is closed.
const lateUpload = 50 * time.Millisecond

func newExchange(t *Transport, c *conn, req *http.Request) *exchange {
	x := &exchange{t: t, c: c, req: req, ctx: req.Context()}
	x.resp.Request = req
	x.left.Store(1)
	return x
}

// run sends the request and reads the answer up to its body.
func (x *exchange) run() error {
	if x.ctx.Done() != nil {
		x.stop = context.AfterFunc(x.ctx, x.c.interrupt)
	}
	if err := x.send(); err != nil {
		return err
	}
	if err := x.receive(); err != nil {
		return err
	}
	return x.open()
}

// send writes the head, and starts the upload of a body unless the server shall want
// it first. A failure halfway is no error yet: the answer may tell why.
func (x *exchange) send() error {
	c := x.c
	c.out = x.t.appendHead(c.out[:0], x.req)
	n, err := c.Write(c.out)
	if cap(c.out) > keptHead {
		c.out = nil
	}
	x.written = n > 0
	if err != nil && n == 0 {
		return err
	}
	x.broken = err
	switch {
	case bodyLength(x.req) == 0 || err != nil:
		x.startTimeout()
	case x.t.ExpectContinueTimeout > 0 && hasToken(x.req.Header["Expect"], "100-continue"):
		x.pending = true
	default:
		x.upload()
	}
	return nil
}

// startTimeout lets ResponseHeaderTimeout begin, unless it is too late for that.
func (x *exchange) startTimeout() {
	if x.t.ResponseHeaderTimeout <= 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.headed {
		x.c.readUntil(time.Now().Add(x.t.ResponseHeaderTimeout))
	}
}

func (x *exchange) stopTimeout() {
	if x.t.ResponseHeaderTimeout <= 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.headed = true
	x.c.readUntil(time.Time{})
}

// receive reads heads up to the one that is not informational.
func (x *exchange) receive() error {
	limit := x.t.headerLimit()
	for {
		if x.pending && !x.hears() {
			x.upload()
		}
		if _, err := x.c.r.Peek(1); err != nil {
			return err
		}
		x.heard = true
		block, lines, err := x.c.block(limit, checkStatusLine)
		if errors.Is(err, errTooLong) {
			return fmt.Errorf("http1: the headers of the server's answer are %w: more than %d bytes", err, x.t.headerLimit())
		}
		if err != nil {
			return err
		}
		limit -= len(block)
		if err := parseHead(block, lines, &x.resp); err != nil {
			return err
		}
		if code := x.resp.StatusCode; code >= 200 || code == http.StatusSwitchingProtocols {
			x.stopTimeout()
			return nil
		}
		told, err := x.tell()
		if err != nil {
			return err
		}
		if told {
			limit = x.t.headerLimit() // who listens bounds how many there are
		}
	}
}

// hears waits for some of the answer, for ExpectContinueTimeout. Errors are for the
// next read.
func (x *exchange) hears() bool {
	x.c.readUntil(time.Now().Add(x.t.ExpectContinueTimeout))
	_, err := x.c.r.Peek(1)
	x.c.readUntil(time.Time{})
	return err == nil || x.c.interrupted.Load() || !errors.Is(err, os.ErrDeadlineExceeded)
}

// tell acts on an informational answer, and reports whether somebody listens.
func (x *exchange) tell() (told bool, err error) {
	trace := httptrace.ContextClientTrace(x.ctx)
	if x.resp.StatusCode == http.StatusContinue && x.pending {
		if trace != nil && trace.Got100Continue != nil {
			trace.Got100Continue()
		}
		x.upload()
	}
	if trace == nil || trace.Got1xxResponse == nil {
		return false, nil
	}
	return true, trace.Got1xxResponse(x.resp.StatusCode, textproto.MIMEHeader(x.resp.Header))
}

// open makes the answer's body.
func (x *exchange) open() error {
	resp := &x.resp
	var err error
	if x.length, err = frame(resp, x.req.Method); err != nil {
		return err
	}
	x.reusable = !resp.Close && !x.req.Close && x.broken == nil && resp.StatusCode >= 200
	if x.pending { // answered without it
		x.reusable, x.uploaded = false, true
		closeBody(x.req)
	}
	switch {
	case resp.StatusCode == http.StatusSwitchingProtocols && upgrades(resp.Header):
		if x.stop != nil && !x.stop() {
			return context.Cause(x.ctx)
		}
		resp.Body = &tunnel{c: x.c}
		return nil
	case x.length == 0:
		x.state.Store(ended)
		x.answered(true)
		resp.Body = http.NoBody
		return nil
	case x.length == chunked:
		x.chunks = httputil.NewChunkedReader(x.c.r)
	}
	resp.Body = x
	if x.t.wantsGzip(x.req) && strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		resp.Body = &unzipped{body: x}
		delete(resp.Header, "Content-Encoding")
		delete(resp.Header, "Content-Length")
		resp.ContentLength, resp.Uncompressed = -1, true
	}
	return nil
}

// answered lets go of the connection on the answer's side; whole when it was read to
// its end.
func (x *exchange) answered(whole bool) {
	stopped := x.stop == nil || x.stop() // else it is being interrupted
	whole = whole && x.reusable && stopped
	switch {
	case !whole:
		x.c.close() // ends the upload as well
	case x.left.Load() > 1:
		x.late = time.AfterFunc(lateUpload, x.c.close)
	}
	x.leave(whole)
}

// leave is called once by each who uses the connection. The last one puts it back.
func (x *exchange) leave(well bool) {
	if !well {
		x.spoiled.Store(true)
	}
	if x.left.Add(-1) > 0 {
		return
	}
	if x.late != nil && !x.late.Stop() || x.spoiled.Load() || x.c.r.Buffered() > 0 || x.c.interrupted.Load() {
		x.c.close()
		return
	}
	x.t.put(x.c)
}

// again returns the request to send on another connection, nil when that is not safe:
// the server must not have begun to answer, and must not get twice what is not
// idempotent (RFC 9110, 9.2.2), except when it got nothing of it.
func (x *exchange) again(err error) *http.Request {
	if !x.c.used || x.heard || x.ctx.Err() != nil || x.uploadFailed() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	if x.written && !idempotent(x.req) {
		return nil
	}
	again := x.req
	if x.uploaded {
		if x.req.GetBody == nil {
			return nil
		}
		body, err := x.req.GetBody()
		if err != nil {
			return nil
		}
		again = new(*x.req)
		again.Body = body
	}
	x.abandon()
	return again
}

func idempotent(r *http.Request) bool {
	switch r.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return r.Header["Idempotency-Key"] != nil || r.Header["X-Idempotency-Key"] != nil
}

// fail ends an exchange without an answer, and returns the error that says why.
func (x *exchange) fail(err error) error {
	x.abandon()
	if !x.uploaded {
		closeBody(x.req)
	}
	return x.why(err)
}

func (x *exchange) abandon() {
	if x.stop != nil {
		x.stop()
	}
	x.c.close()
}

// why returns what made reading fail with err.
func (x *exchange) why(err error) error {
	if ended := context.Cause(x.ctx); ended != nil {
		return ended
	}
	if failed := x.uploadFailed(); failed != nil {
		return failed
	}
	if x.broken != nil {
		return x.broken
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &headerTimeout{after: x.t.ResponseHeaderTimeout}
	case err == io.EOF: //nolint:errorlint // of the connection itself
		return fmt.Errorf("http1: the server closed the connection without an answer: %w", err)
	}
	return err
}

func (x *exchange) uploadFailed() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.uploadErr
}
