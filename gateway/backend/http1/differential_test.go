package http1

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"
	"pgregory.net/rapid"
)

// script is a server whose one answer can be changed. It closes every connection.
type script struct {
	mu  sync.Mutex
	raw string
	got http.Request
	err error
}

func (s *script) set(raw string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw = raw
}

func (s *script) serve(_ int, c net.Conn, r *bufio.Reader) {
	req, err := readRequest(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	if err == nil {
		s.got = *req
	}
	_, _ = io.WriteString(c, s.raw)
}

// fields that answers are made of: what is common, and what is odd.
var (
	statuses = []string{"HTTP/1.1 200 OK", "HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found", "HTTP/1.0 200 OK", "HTTP/1.1 204 No", "HTTP/1.1 304 X", "HTTP/1.1 500", "HTTP/1.1  201 A  b", "HTTP/1.1 101 x", "HTTP/1.1 999 x", "HTTP/1.1 20 x", "http/1.1 200 OK"}
	lines    = []string{
		"Content-Type: text/plain", "content-type:  a/b \t", "X-Empty:", "SET-COOKIE: a", "Set-Cookie: b;c", "Pragma: no-cache", "Cache-Control: x", "Connection: close", "Connection: keep-alive",
		"Content-Length: 5", "Content-Length: 5", "Content-Length: 3", "Content-Length: 0", "Content-Length: x", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip",
		"Trailer: X-Sum, x-b", "Trailer: Content-Length", "Content-Encoding: gzip", "Upgrade: x", "é: x", "A b: c", "Caf: \xe9\t.", "no colon", "Ctl: \x01",
	}
	pieces = []string{"hello", "5\r\nhello\r\n", "0\r\n\r\n", "0\r\nX-Sum: 1\r\n\r\n", "3;x\r\nabc\r\n", "\r\n", "5\nhello\r\n", "a\r\n", "HTTP/1.1 200 OK\r\n\r\n", string(zipped("hello")), "\x00\xff"}
)

func zipped(s string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.Bytes()
}

// TestAnswersAreReadAsHTTPTransportReadsThem: the same status, headers, body and
// trailers, and errors where it has errors. Only what could be read in two ways may be
// an error here and not there.
func TestAnswersAreReadAsHTTPTransportReadsThem(t *testing.T) {
	var s script
	url := listen(t, s.serve)
	// http.Transport may take what an answer left over for the next one; fresh connections
	// keep it comparable.
	ours, theirs := transport(t), &http.Transport{DisableKeepAlives: true}
	defer theirs.CloseIdleConnections()
	rapid.Check(t, func(rt *rapid.T) {
		var raw strings.Builder
		feed := rapid.SampledFrom([]string{"\r\n", "\r\n", "\r\n", "\n"}).Draw(rt, "feed")
		if rapid.IntRange(0, 9).Draw(rt, "informational") == 0 {
			raw.WriteString("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
		}
		raw.WriteString(rapid.SampledFrom(statuses).Draw(rt, "status") + feed)
		for _, line := range rapid.SliceOfN(rapid.SampledFrom(lines), 0, 5).Draw(rt, "lines") {
			raw.WriteString(line + feed)
		}
		raw.WriteString(feed)
		for _, piece := range rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 4).Draw(rt, "body") {
			raw.WriteString(piece)
		}
		text := raw.String()
		if rapid.IntRange(0, 9).Draw(rt, "cut") == 0 {
			text = text[:rapid.IntRange(0, len(text)).Draw(rt, "at")]
		}
		s.set(text)
		method := rapid.SampledFrom([]string{"GET", "GET", "HEAD", "POST"}).Draw(rt, "method")
		a, b := ask(ours, request(t, method, url, "")), ask(theirs, request(t, method, url, ""))
		if stricter(text) && (a.asking != nil || a.body != nil) {
			return
		}
		if x, y := describe(a), describe(b); x != y {
			rt.Fatalf("%s answered with %q\nhttp1          %s (%v)\nhttp.Transport %s (%v)", method, text, x, a.asking, y, b.asking)
		}
	})
}

// stricter tells where an error is wanted although http.Transport has none.
func stricter(raw string) bool {
	both := strings.Contains(raw, "Transfer-Encoding") && (strings.Contains(raw, "Content-Length:") || strings.Contains(raw, "HTTP/1.0"))
	return both || strings.Contains(raw, "A b: c")
}

func describe(g got) string {
	if g.asking != nil {
		return "fails"
	}
	return fmt.Sprintf("%s %s %d.%d %d length %d close %v %q %v %q uncompressed %v, trailer %q, body fails: %v", g.Proto, g.Status, g.ProtoMajor, g.ProtoMinor, g.StatusCode, g.ContentLength, g.Close,
		g.text, g.TransferEncoding, sorted(g.Header), g.Uncompressed, sorted(g.Trailer), g.body != nil)
}

func sorted(h http.Header) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		values := h[name]
		if name == "Connection" { // a list, in any order
			values = slices.Compact(slices.Sorted(slices.Values(values)))
		}
		all = append(all, fmt.Sprintf("%s: %q", name, values))
	}
	return all
}

// TestRequestsArriveAsHTTPTransportSendsThem compares what a server sees.
func TestRequestsArriveAsHTTPTransportSendsThem(t *testing.T) {
	var s script
	s.set(ok + "Content-Length: 0\r\n\r\n")
	url := strings.TrimSuffix(listen(t, s.serve), "/path?q=1")
	rapid.Check(t, func(rt *rapid.T) {
		method := rapid.SampledFrom([]string{"", "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "x-own"}).Draw(rt, "method")
		target := rapid.SampledFrom([]string{"", "/", "/a%2Fb/é?x=1&y", "/a?b%20c", "?q"}).Draw(rt, "target")
		body := rapid.SampledFrom([]string{"", "x", strings.Repeat("long ", 20000)}).Draw(rt, "body")
		length := rapid.SampledFrom([]int64{-1, int64(len(body))}).Draw(rt, "length")
		trailer := rapid.Bool().Draw(rt, "trailer")
		header := rapid.MapOfN(rapid.SampledFrom([]string{"User-Agent", "Accept-Encoding", "Host", "Content-Length", "Transfer-Encoding", "Connection", "Range", "X-A", "Cookie", "Trailer"}),
			rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", " b\t", "close", "é"}), 0, 2), 0, 5).Draw(rt, "header")
		host, closes := rapid.SampledFrom([]string{"", "other:80", "[fe80::1%25en0]:80"}).Draw(rt, "host"), rapid.Bool().Draw(rt, "close")
		disabled := rapid.Bool().Draw(rt, "disable")
		build := func() *http.Request {
			req := request(t, method, url+target, body)
			req.Header, req.Host, req.Close = header, host, closes
			if body != "" {
				req.ContentLength = length
				if trailer {
					req.Trailer = http.Header{"X-Sum": {"1"}, "X-A": nil}
				}
			}
			return req
		}
		if !Suits(build()) {
			return
		}
		ours := &Transport{DisableKeepAlives: disabled, DisableCompression: closes}
		theirs := &http.Transport{DisableKeepAlives: disabled, DisableCompression: closes}
		defer ours.CloseIdleConnections()
		defer theirs.CloseIdleConnections()
		var seen []string
		for _, rt := range []http.RoundTripper{ours, theirs} {
			g := ask(rt, build())
			s.mu.Lock()
			seen = append(seen, fmt.Sprintf("%v %v %s %s %s %d %v %q trailer %q", g.asking, s.err, s.got.Method, s.got.RequestURI, s.got.Host, s.got.ContentLength, s.got.TransferEncoding,
				sorted(s.got.Header), sorted(s.got.Trailer)))
			s.mu.Unlock()
		}
		if seen[0] != seen[1] {
			rt.Fatalf("\nhttp1          %s\nhttp.Transport %s", seen[0], seen[1])
		}
	})
}
