package moesif

import (
	"io"
	"net/http"
	"sync"
)

// Transport returns next, http.DefaultTransport when it is nil, with a record of
// each call that goes out through it, reported with the direction Outgoing when
// the answer was read or closed. Give it to an http.Client. Calls made with the
// context of a captured request belong to its caller. They are masked like the
// others, and neither governed nor sampled.
func (in *Integration) Transport(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return &transport{in: in, next: next}
}

type transport struct {
	in   *Integration
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	it := new(item)
	x := &it.exchange
	x.beginOutgoing(t.in, r)
	out := r.WithContext(r.Context()) // r itself must not change
	if r.Body != nil && r.Body != http.NoBody {
		out.Body = &requestBody{r.Body, x}
		if r.GetBody != nil {
			out.GetBody = func() (io.ReadCloser, error) {
				body, err := r.GetBody()
				if err != nil {
					return nil, err
				}
				x.request.restart()
				return &requestBody{body, x}, nil
			}
		}
	}
	resp, err := t.next.RoundTrip(out)
	if err != nil {
		it.report()
		return resp, err
	}
	x.answered(resp.StatusCode, resp.Header)
	if resp.StatusCode == http.StatusSwitchingProtocols || resp.Body == nil {
		it.report()
		return resp, nil
	}
	resp.Body = &answerBody{ReadCloser: resp.Body, it: it, length: resp.ContentLength}
	return resp, nil
}

// CloseIdleConnections is for http.Client.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// beginOutgoing fills in what is known of a call that is about to be made.
func (x *Exchange) beginOutgoing(in *Integration, r *http.Request) {
	x.begin(in, r)
	x.outgoing = true
	x.secure = r.URL.Scheme == "https"
	x.target, x.remote = r.URL.Redacted(), ""
	if x.host == "" {
		x.host = r.URL.Host
	}
	if outer := From(r.Context()); outer != nil && outer.in == in {
		x.parent = outer
		return
	}
	x.ask(r)
}

// answerBody lets the answer's body be read while its beginning is kept.
type answerBody struct {
	io.ReadCloser
	it     *item
	length int64 // of the body, -1 when unknown
	done   sync.Once
}

// Read implements io.Reader.
func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		pass(&b.it.exchange.response, p[:n], b.length)
	}
	if err != nil {
		b.done.Do(b.it.report)
	}
	return n, err
}

// Close implements io.Closer.
func (b *answerBody) Close() error {
	err := b.ReadCloser.Close()
	b.done.Do(b.it.report)
	return err
}
