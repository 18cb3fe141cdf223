package http1

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // http.Transport's, which answers are compared with
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must happen before it gives up.
const patience = 10 * time.Second

// listen serves connections, numbered from 1, each on its own goroutine, until the
// test ends. It returns the URL.
func listen(t testing.TB, serve func(n int, c net.Conn, r *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wait.Go(func() {
		for n := 1; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wait.Go(func() {
				defer c.Close()
				serve(n, c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		wait.Wait()
	})
	return "http://" + l.Addr().String() + "/path?q=1"
}

// answering sends the same bytes after each request, and closes the connection after
// the first when told to.
func answering(t testing.TB, raw string, closes bool) string {
	return listen(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for {
			if _, err := readRequest(r); err != nil {
				return
			}
			if _, err := io.WriteString(c, raw); err != nil || closes {
				return
			}
		}
	})
}

// readRequest reads a whole request.
func readRequest(r *bufio.Reader) (*http.Request, error) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(req.Body)
	req.Body = io.NopCloser(strings.NewReader(string(text)))
	return req, err
}

func transport(t testing.TB) *Transport {
	x := &Transport{MaxIdleConnsPerHost: 10}
	t.Cleanup(x.CloseIdleConnections)
	return x
}

func request(t testing.TB, method, url, body string) *http.Request {
	t.Helper()
	var content io.Reader
	if body != "" {
		content = struct{ io.Reader }{strings.NewReader(body)} // nothing that can be sent again
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, content)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// got is a whole answer, or the error of asking for it or of reading its body.
type got struct {
	*http.Response
	text   string
	asking error
	body   error
}

func ask(rt http.RoundTripper, req *http.Request) got {
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return got{asking: err}
	}
	text, err := io.ReadAll(resp.Body)
	return got{resp, string(text), nil, errors.Join(err, resp.Body.Close())}
}

// must fails the test on an error.
func (g got) must(t testing.TB, text string) got {
	t.Helper()
	if g.asking != nil || g.body != nil || g.text != text {
		t.Fatalf("got %q, %v, %v; want %q", g.text, g.asking, g.body, text)
	}
	return g
}

func (x *Transport) idleOf(url string) int {
	h := x.lookup(strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/path?q=1"))
	if h == nil {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.idle)
}

// eventually waits for what another goroutine is about to do.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		select {
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
		}
	}
}

const ok = "HTTP/1.1 200 OK\r\n"

// hint is an informational answer of a little more than 1 KB.
var hint = "HTTP/1.1 103 Early Hints\r\nLink: " + strings.Repeat("x", 1000) + "\r\n\r\n"

func TestEveryFramingIsRead(t *testing.T) {
	long := strings.Repeat("x", 20000)
	for _, c := range []struct {
		name, method, raw string
		status            int
		text              string
		length            int64
		kept              bool
	}{
		{"length", "GET", ok + "Content-Length: 5\r\n\r\nhello", 200, "hello", 5, true},
		{"length zero", "GET", ok + "Content-Length: 0\r\n\r\n", 200, "", 0, true},
		{"the same length twice", "GET", ok + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", 5, true},
		{"long", "GET", ok + "Content-Length: 20000\r\n\r\n" + long, 200, long, 20000, true},
		{"chunked", "GET", ok + "Transfer-Encoding: Chunked\r\n\r\n2;x=y\r\nhe\r\n3 \r\nllo\r\n0\r\n\r\n", 200, "hello", -1, true},
		{"until close", "GET", ok + "\r\nhello", 200, "hello", -1, false},
		{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", 5, false},
		{"HTTP/1.0 keep-alive", "GET", "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", 5, true},
		{"close", "GET", ok + "Connection: x, Close\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", 5, false},
		{"HEAD", "HEAD", ok + "Content-Length: 5\r\n\r\n", 200, "", 5, true},
		{"HEAD chunked", "HEAD", ok + "Transfer-Encoding: chunked\r\n\r\n", 200, "", -1, true},
		{"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", 0, true},
		{"204 with a length", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204, "", 0, true},
		{"204 with a body", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", 204, "", 0, false},
		{"304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "", 0, true},
		{"100 and 103 before", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 5\r\n\r\nhello", 200, "hello", 5, true},
		{"101 without upgrade", "GET", "HTTP/1.1 101 Switching Protocols\r\n\r\n", 101, "", 0, false},
		{"no reason", "GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, "", 0, true},
		{"empty reason", "GET", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, "", 0, true},
		{"bare line feeds", "GET", "HTTP/1.1 200 OK\nContent-Length: 5\nA: b\n\nhello", 200, "hello", 5, true},
		{"left over", "GET", ok + "Content-Length: 5\r\n\r\nhello" + ok, 200, "hello", 5, false},
		{"left over after chunks", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nx", 200, "", -1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := answering(t, c.raw, c.length < 0 && strings.HasSuffix(c.name, "close"))
			x := transport(t)
			g := ask(x, request(t, c.method, url, ""))
			g.must(t, c.text)
			if g.StatusCode != c.status || g.ContentLength != c.length {
				t.Errorf("got %d, length %d", g.StatusCode, g.ContentLength)
			}
			if kept := x.idleOf(url) == 1; kept != c.kept {
				t.Errorf("connection kept: %v, want %v", kept, c.kept)
			}
		})
	}
}

func TestAnswersThatCouldBeReadInTwoWaysAreRefused(t *testing.T) {
	const chunks = ok + "Transfer-Encoding: chunked\r\n\r\n"
	for name, raw := range map[string]string{
		"nothing":                   "",
		"half a head":               ok + "A: b\r\n",
		"not HTTP":                  "SSH-2.0-OpenSSH\r\n",
		"HTTP/2.0":                  "HTTP/2.0 200 OK\r\n\r\n",
		"no status":                 "HTTP/1.1\r\n\r\n",
		"short status":              "HTTP/1.1 20 OK\r\n\r\n",
		"signed status":             "HTTP/1.1 +20 OK\r\n\r\n",
		"status below 100":          "HTTP/1.1 099 OK\r\n\r\n",
		"carriage return in reason": "HTTP/1.1 200 O\rK\r\n\r\n",
		"empty first line":          "\r\n\r\n" + ok + "\r\n",
		"folded header":             ok + "A: b\r\n c\r\n\r\n",
		"folded first header":       ok + " A: b\r\n\r\n",
		"space before the colon":    ok + "Content-Length : 5\r\n\r\nhello",
		"no colon":                  ok + "A\r\n\r\n",
		"no name":                   ok + ": b\r\n\r\n",
		"name that is no token":     ok + "A(b: c\r\n\r\n",
		"carriage return in value":  ok + "A: b\rc\r\n\r\n",
		"NUL in value":              ok + "A: b\x00\r\n\r\n",
		"lengths differ":            ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		"length list":               ok + "Content-Length: 5, 5\r\n\r\nhello",
		"signed length":             ok + "Content-Length: +5\r\n\r\nhello",
		"empty length":              ok + "Content-Length: \r\n\r\n",
		"huge length":               ok + "Content-Length: 9223372036854775808\r\n\r\n",
		"both framings":             ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"two codings":               ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"chunked twice":             ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"identity":                  ok + "Transfer-Encoding: identity\r\n\r\n",
		"chunked in HTTP/1.0":       "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"body cut":                  ok + "Content-Length: 6\r\n\r\nhello",
		"no last chunk":             chunks + "5\r\nhello\r\n",
		"chunk cut":                 chunks + "5\r\nhel",
		"chunk too long":            chunks + "5\r\nhelloo\r\n0\r\n\r\n",
		"chunk size empty":          chunks + "\r\nhello\r\n0\r\n\r\n",
		"chunk size signed":         chunks + "+5\r\nhello\r\n0\r\n\r\n",
		"chunk size 0x":             chunks + "0x5\r\nhello\r\n0\r\n\r\n",
		"chunk size huge":           chunks + "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
		"chunk size line feed":      chunks + "5\nhello\r\n0\r\n\r\n",
		"no end of trailers":        chunks + "0\r\n",
		"malformed trailer":         chunks + "0\r\nA b\r\n\r\n",
		"trailer of bare feeds":     chunks + "0\r\nA: b\n\n",
		"long trailer":              chunks + "0\r\nA: " + strings.Repeat("x", 5000) + "\r\n\r\n",
		"framing as trailer":        ok + "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\n\r\n",
		"long head":                 ok + "A: " + strings.Repeat("x", maxHeader) + "\r\n\r\n",
		"endless 1xx":               strings.Repeat(hint, 1100) + ok + "Content-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			url := answering(t, raw, true)
			x := transport(t)
			if g := ask(x, request(t, "GET", url, "")); g.asking == nil && g.body == nil {
				t.Errorf("got %d %v %q", g.StatusCode, g.Header, g.text)
			}
			if x.idleOf(url) != 0 {
				t.Error("its connection was kept")
			}
		})
	}
}

// TestWhoSpeaksAnotherProtocolIsNotWaitedFor: it may never send an empty line.
func TestWhoSpeaksAnotherProtocolIsNotWaitedFor(t *testing.T) {
	url := answering(t, "220 mail.example ESMTP\r\n", false)
	var malformed protocolError
	if g := ask(transport(t), request(t, "GET", url, "")); !errors.As(g.asking, &malformed) {
		t.Errorf("got %v", g.asking)
	}
}

func TestLongHeadsAndTrailersAreReadInPieces(t *testing.T) {
	want := strings.Repeat("v", 9000)
	raw := ok + "x-long: " + want + "\r\nset-cookie: a\r\nSet-Cookie:b \r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, ,x-other\r\n\r\n1\r\na\r\n0\r\nx-sum: 1\r\nLate: 2\r\nContent-Length: 5\r\n\r\n"
	url := listen(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for {
			if _, err := readRequest(r); err != nil {
				return
			}
			for rest := raw; rest != ""; {
				n := min(len(rest), 700)
				_, _ = io.WriteString(c, rest[:n])
				rest = rest[n:]
			}
		}
	})
	x := transport(t)
	for range 2 {
		g := ask(x, request(t, "GET", url, "")).must(t, "a")
		if g.Header.Get("X-Long") != want || strings.Join(g.Header["Set-Cookie"], ",") != "a,b" || len(g.Header) != 2 {
			t.Errorf("got headers %v", g.Header)
		}
		if len(g.Trailer) != 3 || g.Trailer.Get("X-Sum") != "1" || g.Trailer.Get("Late") != "2" {
			t.Errorf("got trailers %v", g.Trailer)
		}
	}
	if x.idleOf(url) != 1 {
		t.Error("the connection was not kept")
	}
}

func TestRequestsThatWouldBeMisunderstoodAreRefused(t *testing.T) {
	url := answering(t, ok+"Content-Length: 0\r\n\r\n", false)
	for name, change := range map[string]func(*http.Request){
		"method":        func(r *http.Request) { r.Method = "GET /\r\n" },
		"header name":   func(r *http.Request) { r.Header["A b"] = []string{"c"} },
		"empty name":    func(r *http.Request) { r.Header[""] = []string{"c"} },
		"header value":  func(r *http.Request) { r.Header["A"] = []string{"b\r\nC: d"} },
		"trailer":       func(r *http.Request) { r.Trailer = http.Header{"A": {"b\n"}} },
		"trailer name":  func(r *http.Request) { r.Trailer = http.Header{"content-length": nil} },
		"host":          func(r *http.Request) { r.Host = "a b" },
		"no host":       func(r *http.Request) { r.URL.Host = "" },
		"no body":       func(r *http.Request) { r.Body, r.ContentLength = nil, 5 },
		"nil headers":   func(r *http.Request) { r.Header = nil },
		"ended context": func(r *http.Request) { *r = *r.WithContext(canceled(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			body := &counted{Reader: strings.NewReader("x")}
			req := request(t, "POST", url, "")
			req.Body = body
			change(req)
			if g := ask(transport(t), req); g.asking == nil {
				t.Error("it was sent")
			}
			if req.Body != nil && body.closes.Load() != 1 {
				t.Errorf("the body was closed %d times", body.closes.Load())
			}
		})
	}
}

func canceled(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// counted counts how often it is closed.
type counted struct {
	io.Reader
	closes atomic.Int64
}

func (c *counted) Close() error { c.closes.Add(1); return nil }

func TestOnlyWhatSuitsIsTaken(t *testing.T) {
	body := io.NopCloser(strings.NewReader("x"))
	for name, c := range map[string]struct {
		req  *http.Request
		want bool
	}{
		"http":             {httptest.NewRequest("GET", "http://h/", nil), true},
		"https":            {httptest.NewRequest("GET", "https://h/", nil), false},
		"connect":          {&http.Request{Method: "CONNECT", URL: httptest.NewRequest("GET", "http://h/", nil).URL}, false},
		"international":    {httptest.NewRequest("GET", "http://hé/", nil), false},
		"unknown length":   {httptest.NewRequest("POST", "http://h/", body), true},
		"GET with unknown": {httptest.NewRequest("GET", "http://h/", body), false},
		"no URL":           {&http.Request{}, false},
	} {
		if got := Suits(c.req); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
