// Package http1 asks plain HTTP/1.1 servers: an http.RoundTripper whose requests
// stay on the goroutine that makes them. Only a request's body goes on a second one,
// so that an answer never waits for it.
//
// What it does not do, Suits tells: TLS, HTTP/2, proxies and CONNECT are
// http.Transport's. Where the two differ, this one is stricter: an answer that
// readers could take the length of in two ways is refused (RFC 9112, 6.3 and 11).
package http1

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Transport is an http.RoundTripper for requests that Suits. Its fields mean what
// they mean in http.Transport and must not change after the first request. It is
// safe for concurrent use.
type Transport struct {
	DialContext func(ctx context.Context, network, address string) (net.Conn, error) // nil: net.Dialer's

	MaxIdleConns           int           // of all hosts together; 0: no limit
	MaxIdleConnsPerHost    int           // 0: http.DefaultMaxIdleConnsPerHost; less: none is kept
	IdleConnTimeout        time.Duration // 0: no limit
	ResponseHeaderTimeout  time.Duration // from the end of the request; 0: no limit
	ExpectContinueTimeout  time.Duration // 0: a body is not held back
	MaxResponseHeaderBytes int           // 1xx answers included; 0: 1 MiB
	DisableKeepAlives      bool
	DisableCompression     bool

	hosts    atomic.Pointer[map[string]*host] // by URL.Host; replaced, never changed
	growing  sync.Mutex                       // held to replace hosts
	idle     atomic.Int64                     // connections of all hosts; only counted with MaxIdleConns
	quitting atomic.Bool                      // CloseIdleConnections was called, and no request came since
}

// maxHeader is the default of MaxResponseHeaderBytes.
const maxHeader = 1 << 20

// Suits reports whether t can send r. The rest is for http.Transport: other schemes,
// CONNECT, international host names, the deprecated Cancel, and a body of unknown
// length with a method that seldom has one, which needs a look whether it is empty.
func Suits(r *http.Request) bool {
	return reuses && r.URL != nil && r.URL.Scheme == "http" && r.Method != http.MethodConnect &&
		ascii(r.URL.Host) && ascii(r.Host) && len(r.TransferEncoding) == 0 &&
		r.Cancel == nil && //nolint:staticcheck // whoever sets it still wants it
		(bodyLength(r) >= 0 || !seldomHasBody(r.Method))
}

// RoundTrip implements http.RoundTripper. When the request's context has ended, the
// error is its cause.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	err := validate(req)
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		closeBody(req)
		return nil, err
	}
	c, err := t.take(ctx, req.URL.Host)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	x := newExchange(t, c, req)
	if err = x.run(); err == nil {
		return &x.resp, nil
	}
	again := x.again(err)
	if again == nil {
		return nil, x.fail(err)
	}
	// The server closed the idle connection while the request was on its way.
	if c, err = t.dial(ctx, c.host); err != nil {
		closeBody(again)
		return nil, err
	}
	x = newExchange(t, c, again)
	x.resp.Request = req
	if err = x.run(); err != nil {
		return nil, x.fail(err)
	}
	return &x.resp, nil
}

// dial opens a connection. It belongs to the request until a body has released it.
func (t *Transport) dial(ctx context.Context, h *host) (*conn, error) {
	dial := t.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	socket, err := dial(ctx, "tcp", h.address)
	if err != nil {
		if ended := context.Cause(ctx); ended != nil {
			return nil, ended
		}
		return nil, err
	}
	return newConn(socket, h), nil
}

func (t *Transport) headerLimit() int {
	if t.MaxResponseHeaderBytes > 0 {
		return t.MaxResponseHeaderBytes
	}
	return maxHeader
}

// headerTimeout says that ResponseHeaderTimeout has passed.
type headerTimeout struct{ after time.Duration }

func (e *headerTimeout) Error() string {
	return fmt.Sprintf("http1: no response headers within %s of the request", e.after)
}
func (*headerTimeout) Timeout() bool        { return true }
func (*headerTimeout) Temporary() bool      { return true }
func (*headerTimeout) Is(target error) bool { return target == context.DeadlineExceeded }

var (
	_ http.RoundTripper = (*Transport)(nil)
	_ net.Error         = (*headerTimeout)(nil)
)
