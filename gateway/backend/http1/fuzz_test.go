package http1

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// canned is a connection that says what it was given.
type canned struct{ io.Reader }

func (canned) Write(p []byte) (int, error)      { return len(p), nil }
func (canned) Close() error                     { return nil }
func (canned) LocalAddr() net.Addr              { return nil }
func (canned) RemoteAddr() net.Addr             { return nil }
func (canned) SetDeadline(time.Time) error      { return nil }
func (canned) SetReadDeadline(time.Time) error  { return nil }
func (canned) SetWriteDeadline(time.Time) error { return nil }

// FuzzAnswer: whatever a server sends, what is accepted is what net/http reads from
// the same bytes.
func FuzzAnswer(f *testing.F) {
	for _, raw := range []string{
		ok + "Content-Length: 5\r\n\r\nhello", ok + "\r\nhello", "HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 204 \r\n\r\n", "HTTP/1.1 103 x\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\nTrailer: a\r\n\r\n2\r\nab\r\n0\r\na: b\r\n\r\n", ok + "a: b\r\n c\r\n\r\n", ok + "Content-Length: 1\nContent-Length: 1\n\nx",
	} {
		f.Add([]byte(raw), false)
		f.Add([]byte(raw), true)
	}
	f.Fuzz(func(t *testing.T, raw []byte, head bool) {
		req := &http.Request{Method: http.MethodGet, URL: nil, Header: http.Header{"Accept-Encoding": {"x"}}}
		if head {
			req.Method = http.MethodHead
		}
		x := newExchange(&Transport{}, newConn(canned{bytes.NewReader(raw)}, &host{}), req)
		if x.receive() != nil || x.open() != nil {
			return
		}
		if x.resp.StatusCode < 200 {
			return
		}
		text, err := io.ReadAll(x.resp.Body)

		r := bufio.NewReader(bytes.NewReader(raw))
		want, wantErr := http.ReadResponse(r, req)
		for wantErr == nil && want.StatusCode < 200 {
			want, wantErr = http.ReadResponse(r, req)
		}
		if wantErr != nil {
			t.Fatalf("%q is accepted, net/http says %v", raw, wantErr)
		}
		wantText, wantErr := io.ReadAll(want.Body)
		if err != nil {
			return
		}
		a, b := describe(got{Response: &x.resp, text: string(text)}), describe(got{Response: want, text: string(wantText), body: wantErr})
		if a != b {
			t.Fatalf("%q\nhttp1    %s\nnet/http %s", raw, a, b)
		}
	})
}
