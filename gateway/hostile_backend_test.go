package gateway

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// hostile is a backend on sockets of its own. A path of /good is answered well; what
// comes of any other is said by misbehave, after which the connection stays open until
// the other side ends it.
type hostile struct {
	url    string
	conns  atomic.Int64 // accepted
	closed atomic.Int64 // of them, by the gateway
}

// good is what a good answer is on the wire.
const good = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"good\":\"1\"}"

func newHostile(t *testing.T, secure bool, misbehave func(c net.Conn)) *hostile {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hostile{url: "http://" + l.Addr().String()}
	if secure {
		s := httptest.NewUnstartedServer(nil)
		s.StartTLS()
		s.Close()
		l = tls.NewListener(l, &tls.Config{Certificates: s.TLS.Certificates})
		h.url = "https://" + l.Addr().String()
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h.conns.Add(1)
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wait.Go(func() {
				defer func() { _ = c.Close() }()
				r := bufio.NewReader(c)
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						h.closed.Add(1)
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					if req.URL.Path == "/good" {
						_, _ = io.WriteString(c, good)
						continue
					}
					misbehave(c)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wait.Wait()
	})
	return h
}

// saying writes a text, then closes when told to.
func saying(text string, closes bool) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, text)
		if closes {
			_ = c.Close()
		}
	}
}

// endlessly writes begin, and then more until the connection ends.
func endlessly(begin, more string) func(net.Conn) {
	return func(c net.Conn) {
		again := []byte(more)
		_, err := io.WriteString(c, begin)
		for err == nil {
			_, err = c.Write(again)
		}
	}
}

func resets(c net.Conn) {
	if plain, ok := c.(*net.TCPConn); ok {
		_ = plain.SetLinger(0)
	}
	_ = c.Close()
}

// What a backend does wrong is a 500 without a body (KrakenD v3, 1.8), or breaks off
// an answer that has begun; what it costs has a bound, and its connection is not used
// again.
func TestBackendsThatMisbehave(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	kib := strings.Repeat("x", 1024)
	for _, c := range []struct {
		name   string
		does   func(net.Conn)
		begins bool // a no-op answer has begun when it shows
		plain  bool // http.Transport, towards TLS, lets it pass
	}{
		{name: "never answers", does: func(net.Conn) {}},
		{name: "closes", does: saying("", true)},
		{name: "resets", does: resets},
		{name: "resets in the head", does: func(c net.Conn) { _, _ = io.WriteString(c, ok[:20]); resets(c) }},
		{name: "resets in the body", does: func(c net.Conn) { _, _ = io.WriteString(c, ok+"Content-Length: 100\r\n\r\n{"); resets(c) }, begins: true},
		{name: "announces more than it sends", does: saying(ok+"Content-Length: 100\r\n\r\n{\"a\":1}", true), begins: true},
		{name: "announces more, and waits", does: saying(ok+"Content-Length: 100\r\n\r\n{\"a\":1}", false), begins: true},
		{name: "no last chunk", does: saying(ok+"Transfer-Encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n", true), begins: true},
		{name: "a bad chunk", does: saying(ok+"Transfer-Encoding: chunked\r\n\r\nzz\r\n{\"a\":1}\r\n", false), begins: true},
		{name: "a chunk larger than a number", does: saying(ok+"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{\"a\":1}\r\n", false), begins: true},
		{name: "endless chunk extensions", does: endlessly(ok+"Transfer-Encoding: chunked\r\n\r\n1;", kib), begins: true},
		{name: "endless trailers", does: endlessly(ok+"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", "X-A: "+kib+"\r\n"), begins: true, plain: true},
		{name: "an endless status line", does: endlessly("HTTP/1.1 200 ", kib)},
		{name: "endless headers", does: endlessly(ok, "X-A: "+kib+"\r\n")},
		{name: "an endless header", does: endlessly(ok+"X-A: ", kib)},
		{name: "endless informational answers", does: endlessly("", "HTTP/1.1 103 Early Hints\r\nLink: "+kib+"\r\n\r\n")},
		{name: "endless small informational answers", does: endlessly("", "HTTP/1.1 102 x\r\n\r\n")},
		{name: "another protocol", does: saying("220 mail.example ESMTP\r\n", false)},
		{name: "binary", does: saying("\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\r\n", false)},
		{name: "HTTP/2 unasked", does: saying("\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00d\r\n", false)},
		{name: "two lengths", does: saying(ok+"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", false)},
		{name: "a negative length", does: saying(ok+"Content-Length: -1\r\n\r\n{}", false)},
		{name: "length and chunks", does: saying(ok+"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n0\r\n\r\n", false), plain: true},
		{name: "a space before the colon", does: saying(ok+"Content-Length : 7\r\n\r\n{\"a\":1}", false), plain: true},
		{name: "a folded header", does: saying(ok+"X-A: b\r\n Content-Length: 7\r\n\r\n{\"a\":1}", true), plain: true},
	} {
		for _, secure := range []bool{false, true} {
			if secure && c.plain {
				continue
			}
			name := c.name
			if secure {
				name += ", with TLS"
			}
			t.Run(name, func(t *testing.T) {
				h := newHostile(t, secure, c.does)
				patient := timeout(200 * time.Millisecond)
				s := serviceOf(noop("GET /noop/{how}", h.url, "/{how}", patient), object("GET /json/{how}", h.url, "/{how}", patient))
				s.MaxIdleConnectionsPerHost = 10
				s.ClientTLS.AllowInsecureConnections = true
				g := run(t, s)
				used := allocated(func() {
					for _, kind := range []string{"/json", "/noop"} {
						got, whole := g.brokenOff(t, kind+"/bad")
						if begun := kind == "/noop" && c.begins; begun && whole || !begun && (got.StatusCode != 500 || got.Text != "") {
							t.Errorf("%s: got %d %.50q, whole: %v", kind, got.StatusCode, got.Text, whole)
						}
					}
				})
				if used > 24<<20 {
					t.Errorf("%d MiB were allocated", used>>20)
				}
				settles(t, "both connections are ended", func() bool { return h.closed.Load() == 2 })
				for _, kind := range []string{"/json", "/noop"} {
					answersGood(t, kind, g.send(t, "GET "+kind+"/good", ""))
				}
				if n := h.conns.Load(); n != 3 {
					t.Errorf("%d connections, want one for each bad answer and one for the good ones", n)
				}
			})
		}
	}
}

func answersGood(t *testing.T, what string, got reply) {
	t.Helper()
	if got.StatusCode != 200 || got.Text != `{"good":"1"}` {
		t.Errorf("afterwards, %s: got %d %q", what, got.StatusCode, got.Text)
	}
}

// brokenOff gets path, and reports whether the answer is whole. An answer that did not
// begin has the status 0.
func (r *running) brokenOff(t *testing.T, path string) (got reply, whole bool) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}, Timeout: patience}
	resp, err := client.Get(r.URL + path)
	if err != nil {
		if timeout := (interface{ Timeout() bool })(nil); errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("%s: %v", path, err)
		}
		return reply{Response: &http.Response{}}, false
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return reply{resp, string(text)}, err == nil
}

// A backend that sends more than it announced has answered; the rest is nobody's.
func TestWhatABackendSaysBeyondItsLengthIsNobodys(t *testing.T) {
	h := newHostile(t, false, saying("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}"+"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"evil\":1}", false))
	g := serving(t, noop("GET /noop/{how}", h.url, "/{how}"), object("GET /json/{how}", h.url, "/{how}"))
	for _, kind := range []string{"/json", "/noop"} {
		if got := g.send(t, "GET "+kind+"/bad", ""); got.StatusCode != 200 || got.Text != `{"a":1}` {
			t.Errorf("%s: got %d %q", kind, got.StatusCode, got.Text)
		}
		answersGood(t, kind, g.send(t, "GET "+kind+"/good", ""))
	}
}

// An endless body is read up to the bound where it is decoded, and until the timeout
// where it streams, whatever the client does with it.
func TestEndlessBodiesEnd(t *testing.T) {
	h := newHostile(t, false, endlessly("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat(" ", 64<<10)))
	soon := timeout(300 * time.Millisecond)
	bounded := func(e *config.Endpoint) { e.Backends[0].Client = &config.HTTPClient{MaxResponseSize: 1 << 20} }
	g := serving(t, noop("GET /noop", h.url, "/", soon), object("GET /json", h.url, "/", bounded))
	used := allocated(func() {
		if got, _ := g.brokenOff(t, "/json"); got.StatusCode != 500 || got.Text != "" {
			t.Errorf("got %d %.50q", got.StatusCode, got.Text)
		}
	})
	if used > 16<<20 {
		t.Errorf("%d MiB were allocated", used>>20)
	}
	resp, err := g.Client.Get(g.URL + "/noop")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	used = allocated(func() {
		if _, err := io.Copy(io.Discard, resp.Body); err == nil {
			t.Error("the answer ended as if it were whole")
		}
	})
	if used > 16<<20 {
		t.Errorf("%d MiB were allocated", used>>20)
	}
	settles(t, "both connections are ended", func() bool { return h.closed.Load() == 2 })
}
