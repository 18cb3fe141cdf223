package gateway

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// wire is a backend that keeps what it is sent, byte by byte, and answers each request
// that a strict reader finds in it.
type wire struct {
	url string

	mu    sync.Mutex
	links []*link
}

// link is one connection.
type link struct {
	of    *wire
	bytes bytes.Buffer // guarded by of.mu
}

func newWire(t *testing.T) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{url: "http://" + l.Addr().String()}
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() {
				defer func() { _ = c.Close() }()
				r := bufio.NewReader(io.TeeReader(c, w.link()))
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					if _, err := io.Copy(io.Discard, req.Body); err != nil {
						return
					}
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wait.Wait() // once the gateway, which is stopped before, has closed its connections
	})
	return w
}

func (w *wire) link() *link {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := &link{of: w}
	w.links = append(w.links, l)
	return l
}

// Write implements io.Writer.
func (l *link) Write(p []byte) (int, error) {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	return l.bytes.Write(p)
}

// taken is what was sent over each connection that a request with this in its head
// went over, since the last time. What belongs to a request that was broken off may
// come after its answer, and stays.
func (w *wire) taken(target string) (sent []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.links {
		if text := l.bytes.String(); text != "" && strings.Contains(text, target) {
			sent = append(sent, text)
			l.bytes.Reset()
		}
	}
	return sent
}

// letThrough lets through what it can.
func letThrough(e *config.Endpoint) {
	e.InputHeaders, e.InputQueryStrings = []string{"*"}, []string{"*"}
}

// However a request says how long it is, its backend is told once, and is sent one
// request: nothing of a body is ever read as a second one.
func TestOneRequestIsOneRequestToTheBackend(t *testing.T) {
	back := newWire(t)
	g := serving(t, noop("POST /noop/{id}", back.url, "/{id}", letThrough), object("POST /json/{id}", back.url, "/{id}", letThrough),
		noop("GET /noop/{id}", back.url, "/{id}", letThrough))
	const evil = "GET /evil HTTP/1.1\r\nHost: evil\r\n\r\n"
	n := 0
	chunks := "22\r\n" + evil + "\r\n0\r\n\r\n" // one chunk of 34 bytes
	for _, c := range []struct {
		name, text string
		passes     bool   // else it is refused
		body       string // that the backend may read
	}{
		{"a length", "Content-Length: 34\r\n\r\n" + evil, true, evil},
		{"chunks", "Transfer-Encoding: chunked\r\n\r\n" + chunks, true, evil},
		{"the same length twice", "Content-Length: 34\r\nContent-Length: 34\r\n\r\n" + evil, true, evil},
		{"chunks before a length", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + chunks, true, evil},
		{"a length before chunks", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, true, evil},
		{"chunks in odd case", "transfer-ENCODING: cHuNkEd\r\n\r\n" + chunks, true, evil},
		{"spaces around chunked", "Transfer-Encoding: \t chunked \t\r\n\r\n" + chunks, true, evil},
		{"a vertical tab before chunked", "Transfer-Encoding: \x0bchunked\r\n\r\n" + chunks, false, ""},
		{"a space before the colon", "Transfer-Encoding : chunked\r\n\r\n" + chunks, false, ""},
		{"a folded encoding", "Transfer-Encoding:\r\n chunked\r\n\r\n" + chunks, true, evil},
		{"a folded length", "X-A: b\r\n Content-Length: 34\r\n\r\n" + evil, true, ""},
		{"an underscore for a dash", "Content_Length: 34\r\nTransfer_Encoding: chunked\r\n\r\n" + evil, true, ""},
		{"a list of encodings", "Transfer-Encoding: identity, chunked\r\n\r\n" + chunks, false, ""},
		{"chunked twice", "Transfer-Encoding: chunked, chunked\r\n\r\n" + chunks, false, ""},
		{"quoted", "Transfer-Encoding: \"chunked\"\r\n\r\n" + chunks, false, ""},
		{"a null byte", "Transfer-Encoding: chunked\x00\r\n\r\n" + chunks, false, ""},
		{"a length in hex", "Content-Length: 0x22\r\n\r\n" + evil, false, ""},
		{"an empty length", "Content-Length:\r\n\r\n" + evil, false, ""},
		{"a negative length", "Content-Length: -1\r\n\r\n" + evil, false, ""},
		{"a huge length", "Content-Length: 99999999999999999999\r\n\r\n" + evil, false, ""},
		{"a signed chunk", "Transfer-Encoding: chunked\r\n\r\n+" + chunks, false, ""},
		{"a chunk size with a space in it", "Transfer-Encoding: chunked\r\n\r\n2 2\r\n" + evil + "\r\n0\r\n\r\n", false, ""},
		{"a chunk size ended by a bare feed", "Transfer-Encoding: chunked\r\n\r\n22\n" + evil + "\r\n0\r\n\r\n", false, ""},
		{"a chunk without its end", "Transfer-Encoding: chunked\r\n\r\n22\r\n" + evil + "0\r\n\r\n", false, ""},
		{"a feed in a chunk's extension", "Transfer-Encoding: chunked\r\n\r\n22;a=\n" + evil + "\r\n0\r\n\r\n", false, ""},
		{"a length among trailers", "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n22\r\n" + evil + "\r\n0\r\nContent-Length: 3\r\n\r\n", false, ""},
		{"named hop by hop", "Connection: Content-Length, Host\r\nContent-Length: 34\r\n\r\n" + evil, true, evil},
		{"bare feeds", "X-A: b\nContent-Length: 34\n\n" + evil, true, evil},
		{"a carriage return in a value", "X-A: b\rContent-Length: 34\r\n\r\n" + evil, false, ""},
		{"two hosts", "Host: b\r\nContent-Length: 34\r\n\r\n" + evil, false, ""},
	} {
		for _, route := range []string{"/noop/", "/json/"} {
			n++
			got := raw(t, g, fmt.Sprintf("POST %s%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s", route, n, c.text))
			sent := strings.Join(back.taken(fmt.Sprintf("POST /%d HTTP", n)), "")
			status := 0
			if resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(got)), nil); err == nil {
				status = resp.StatusCode
			}
			if refused := status >= 400 && status <= 501; refused == c.passes {
				t.Errorf("%s, %s: got %.100q", c.name, route, got)
			}
			body, problem := onlyRequest(sent)
			if problem != "" || c.passes && body != c.body {
				t.Errorf("%s, %s: %s: the backend was sent %q", c.name, route, problem, sent)
			}
		}
	}
	for _, sent := range back.taken("") { // of requests that were broken off
		if _, problem := onlyRequest(sent); problem != "" {
			t.Errorf("%s: the backend was sent %q", problem, sent)
		}
	}
}

// onlyRequest reads what was sent as one request at most, which may break off, and
// says what makes it ambiguous.
func onlyRequest(sent string) (body, problem string) {
	if sent == "" {
		return "", ""
	}
	head, _, _ := strings.Cut(sent, "\r\n\r\n")
	lower := strings.ToLower(head)
	if n := strings.Count(lower, "\r\ncontent-length:") + strings.Count(lower, "\r\ntransfer-encoding:"); n != 1 {
		return "", "it has more or less than one length"
	}
	if strings.Contains(strings.ReplaceAll(head, "\r\n", ""), "\n") || strings.Contains(head, "\r\n ") || strings.Contains(head, "\r\n\t") || strings.Contains(head, " :") {
		return "", "its head can be read in two ways"
	}
	r := bufio.NewReader(strings.NewReader(sent))
	req, err := http.ReadRequest(r)
	if err != nil {
		return "", "it can't be read: " + err.Error()
	}
	text, err := io.ReadAll(req.Body)
	if rest, _ := io.ReadAll(r); len(rest) > 0 && err == nil {
		return "", "more follows it"
	}
	return string(text), ""
}

// What is no request has an answer that says so, and the gateway goes on.
func TestWhatIsNoRequestIsRefused(t *testing.T) {
	back := newWire(t)
	g := serving(t, noop("GET /a", back.url, "/", letThrough), noop("GET /p/{id}", back.url, "/{id}", letThrough))
	many := strings.Repeat("a:\r\n", 300_000)
	for name, text := range map[string]string{
		"TLS to a plain port":       "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and so on\r\n\r\n",
		"HTTP/2 to a port without":  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"no version":                "GET /a\r\n\r\n",
		"a version of the future":   "GET /a HTTP/9.9\r\nHost: a\r\n\r\n",
		"a method that is no token": "G(T /a HTTP/1.1\r\nHost: a\r\n\r\n",
		"no method":                 " /a HTTP/1.1\r\nHost: a\r\n\r\n",
		"a target without a slash":  "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
		"a bad escape":              "GET /p/%zz HTTP/1.1\r\nHost: a\r\n\r\n",
		"a space in the target":     "GET /p/a b HTTP/1.1\r\nHost: a\r\n\r\n",
		"a control character":       "GET /p/a\x01b HTTP/1.1\r\nHost: a\r\n\r\n",
		"an encoded line break":     "GET /p/a%0d%0ab HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		"a host with a space":       "GET /a HTTP/1.1\r\nHost: a b\r\n\r\n",
		"a header that is no token": "GET /a HTTP/1.1\r\nHost: a\r\nX A: b\r\n\r\n",
		"a null byte in a header":   "GET /a HTTP/1.1\r\nHost: a\r\nX-A: b\x00c\r\n\r\n",
		"an endless request line":   "GET /" + strings.Repeat("a", 2<<20),
		"300,000 headers":           "GET /a HTTP/1.1\r\nHost: a\r\n" + many + "\r\n",
		"an expectation nobody has": "GET /a HTTP/1.1\r\nHost: a\r\nExpect: the unexpected\r\nConnection: close\r\n\r\n",
	} {
		var got string
		used := allocated(func() { got = raw(t, g, text) })
		if resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(got)), nil); err != nil || resp.StatusCode < 400 || resp.StatusCode > 505 {
			if len(text) < 1<<20 || got != "" { // what was not read may reset the connection
				t.Errorf("%s: got %.200q", name, got)
			}
		}
		if sent := back.taken(""); len(sent) > 0 {
			t.Errorf("%s: the backend was sent %q", name, sent)
		}
		if used > 32<<20 {
			t.Errorf("%s: %d MiB were allocated", name, used>>20)
		}
	}
	if got := g.send(t, "GET /a", ""); got.StatusCode != 200 {
		t.Errorf("afterwards: got %d", got.StatusCode)
	}
}
