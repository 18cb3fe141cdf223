package http1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// endless is a body that never ends, and says when it is closed.
type endless struct{ closed chan struct{} }

func (e *endless) Read(p []byte) (int, error) { return len(p), nil }
func (e *endless) Close() error               { close(e.closed); return nil }

// TestTheEndOfTheContextEndsAnUpload that the server does not read.
func TestTheEndOfTheContextEndsAnUpload(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	url := listen(t, func(_ int, _ net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err == nil {
			close(reached)
			<-release
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	req := request(t, "POST", url, "").WithContext(ctx)
	body := &endless{make(chan struct{})}
	req.Body = body
	done := make(chan got, 1)
	go func() { done <- ask(transport(t), req) }()
	heard(t, reached, "the request")
	cancel()
	if g := heard(t, done, "the end"); !errors.Is(g.asking, context.Canceled) {
		t.Errorf("got %v", g.asking)
	}
	heard(t, body.closed, "the body's end")
}

// TestAnAnswerDoesNotWaitForTheUpload, neither for a client that is silent nor for one
// that never stops.
func TestAnAnswerDoesNotWaitForTheUpload(t *testing.T) {
	for _, length := range []string{"Content-Length: 4", "Content-Length: 0", "Transfer-Encoding: chunked"} {
		for _, kind := range []string{"silent", "endless"} {
			t.Run(length+" "+kind, func(t *testing.T) {
				release := make(chan struct{})
				url := listen(t, func(_ int, c net.Conn, r *bufio.Reader) {
					if _, err := http.ReadRequest(r); err != nil {
						return
					}
					_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\n"+length+"\r\n\r\n")
					switch {
					case strings.HasSuffix(length, "4"):
						_, _ = io.WriteString(c, "stop")
					case strings.HasSuffix(length, "chunked"):
						_, _ = io.WriteString(c, "4\r\nstop\r\n0\r\n\r\n")
					}
					<-release
				})
				defer close(release)
				req := request(t, "POST", url, "")
				closed := make(chan struct{})
				pr, pw := io.Pipe()
				req.Body = pr
				if kind == "endless" {
					req.Body = &endless{closed}
				} else {
					close(closed)
				}
				x := transport(t)
				if g := ask(x, req); g.asking != nil || g.body != nil || g.StatusCode != 413 {
					t.Errorf("got %v, %v", g.asking, g.body)
				}
				heard(t, closed, "the end of the upload")
				pw.CloseWithError(io.EOF)
				if kind == "endless" && x.idleOf(url) != 0 {
					t.Error("the connection was kept")
				}
			})
		}
	}
}

func TestABodyThatFailsFailsTheRequest(t *testing.T) {
	url := listen(t, func(_ int, _ net.Conn, r *bufio.Reader) { _, _ = readRequest(r) })
	for name, c := range map[string]struct {
		body   io.Reader
		length int64
		want   string
	}{
		"its own error": {io.MultiReader(strings.NewReader("x"), failing{}), -1, errOurs.Error()},
		"too short":     {strings.NewReader("x"), 2, "http1: the request's body ended after 1 bytes, its ContentLength is 2"},
		"too long":      {strings.NewReader("xyz"), 2, "http1: the request's body is longer than its ContentLength of 2"},
	} {
		t.Run(name, func(t *testing.T) {
			req := request(t, "POST", url, "")
			body := &counted{Reader: c.body}
			req.Body, req.ContentLength = body, c.length
			if g := ask(transport(t), req); g.asking == nil || g.asking.Error() != c.want {
				t.Errorf("got %v", g.asking)
			}
			eventually(t, "the body is closed", func() bool { return body.closes.Load() == 1 })
		})
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errOurs }

func TestABodyWaitsUntilTheServerWantsIt(t *testing.T) {
	for _, c := range []struct {
		name, first string
		timeout     time.Duration
		want        string
	}{
		{"wanted", "HTTP/1.1 100 Continue\r\n\r\n", time.Hour, "200 body"},
		{"after hints", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n", time.Hour, "200 body"},
		{"no word", "", 20 * time.Millisecond, "200 body"},
		{"not waited for", "", 0, "200 body"},
		{"refused", "HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno", time.Hour, "417 no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := listen(t, func(_ int, conn net.Conn, r *bufio.Reader) {
				if c.first != "" {
					head, err := http.ReadRequest(r)
					if err != nil || r.Buffered() > 0 {
						t.Errorf("the body came at once, %v", err)
						return
					}
					_, _ = io.WriteString(conn, c.first)
					text, _ := io.ReadAll(head.Body)
					_, _ = fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n%s", ok, len(text), text)
					return
				}
				req, err := readRequest(r)
				if err != nil {
					return
				}
				text, _ := io.ReadAll(req.Body)
				_, _ = fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n%s", ok, len(text), text)
			})
			x := transport(t)
			x.ExpectContinueTimeout = c.timeout
			req := request(t, "POST", url, "body")
			req.Header.Set("Expect", "100-continue")
			body := &counted{Reader: strings.NewReader("body")}
			req.Body = body
			g := ask(x, req)
			if g.asking != nil || g.body != nil || fmt.Sprint(g.StatusCode, " ", g.text) != c.want {
				t.Errorf("got %+v", g)
			}
			if c.name == "refused" && (x.idleOf(url) != 0 || body.closes.Load() != 1) {
				t.Errorf("%d idle connections, body closed %d times", x.idleOf(url), body.closes.Load())
			}
		})
	}
}

func TestClosingTheAnswerEndsTheUpload(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	url := listen(t, func(_ int, c net.Conn, _ *bufio.Reader) {
		_, _ = io.WriteString(c, ok+"Content-Length: 10\r\n\r\nhello")
		<-release
	})
	body := &endless{make(chan struct{})}
	req := request(t, "POST", url, "")
	req.Body = body
	resp, err := transport(t).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	heard(t, body.closed, "the end of the upload")
}
