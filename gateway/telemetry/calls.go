package telemetry

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Calls logs the calls that next makes, one line each, when the answer's body has
// been read or is closed: telemetry/logging.backend_access_log_format. It belongs
// directly around the connections, so that an answer out of a cache is no call, and
// each redirect is one. A line has no query, nor has the Referer in it; the address is
// the backend's. a may be nil, which gives next.
func (a *Access) Calls(next http.RoundTripper) http.RoundTripper {
	if a == nil {
		return next
	}
	return &loggedCalls{a, next}
}

type loggedCalls struct {
	to   *Access
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (c *loggedCalls) RoundTrip(r *http.Request) (*http.Response, error) {
	call := &loggedCall{to: c.to, request: r, began: time.Now()}
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		call.failed = whyFailed(r.Context(), err)
		call.end()
		return nil, err
	}
	call.status = resp.StatusCode
	if resp.StatusCode == http.StatusSwitchingProtocols || resp.Body == nil || resp.Body == http.NoBody {
		call.end() // a tunnel is the pipe's
		return resp, nil
	}
	call.ReadCloser = resp.Body
	resp.Body = call
	return resp, nil
}

// loggedCall is one call, and the body of its answer. One goroutine reads a body, but
// another may close it.
type loggedCall struct {
	io.ReadCloser
	to      *Access
	request *http.Request
	began   time.Time
	status  int
	failed  string
	bytes   atomic.Int64
	once    sync.Once
}

// Read implements io.Reader.
func (c *loggedCall) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.bytes.Add(int64(n))
	if errors.Is(err, io.EOF) {
		c.end()
	}
	return n, err
}

// Close implements io.Closer.
func (c *loggedCall) Close() error {
	err := c.ReadCloser.Close()
	c.end()
	return err
}

func (c *loggedCall) end() {
	c.once.Do(func() {
		now, r := time.Now(), withoutQueries(c.request)
		c.to.Log(r, Line{
			Time: now, Method: r.Method, Path: r.URL.Path, Backend: r.URL.Scheme + "://" + r.URL.Host,
			Status: c.status, Bytes: c.bytes.Load(), Duration: now.Sub(c.began), Failed: c.failed,
		})
	})
}

// withoutQueries is r, or a copy without the query of the page that it came from.
func withoutQueries(r *http.Request) *http.Request {
	page, _, has := strings.Cut(r.Header.Get("Referer"), "?")
	if !has {
		return r
	}
	own := *r
	own.Header = r.Header.Clone()
	own.Header.Set("Referer", page)
	return &own
}

// whyFailed is why a call has no answer, without the words of the error, which may
// hold an address with a query.
func whyFailed(ctx context.Context, err error) string {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	var slow net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return "timeout"
	}
	return "error"
}

// OneAtATime gives a writer that several may write lines to.
func OneAtATime(w io.Writer) io.Writer { return &oneAtATime{w: w} }

type oneAtATime struct {
	mu sync.Mutex // guards w
	w  io.Writer
}

// Write implements io.Writer.
func (o *oneAtATime) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

var (
	_ http.RoundTripper = (*loggedCalls)(nil)
	_ io.ReadCloser     = (*loggedCall)(nil)
)
