package http1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var errOurs = errors.New("our own cause")

// TestTheEndOfTheContextIsFeltAtOnce: while dialing, writing and reading.
func TestTheEndOfTheContextIsFeltAtOnce(t *testing.T) {
	reached := make(chan struct{}, 1)
	url := listen(t, func(_ int, c net.Conn, r *bufio.Reader) {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		switch req.Header.Get("How") {
		case "body":
			_, _ = io.WriteString(c, ok+"Content-Length: 10\r\n\r\nhello")
		case "chunks":
			_, _ = io.WriteString(c, ok+"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		case "1xx":
			_, _ = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\n\r\n")
		}
		reached <- struct{}{}
		_, _ = io.Copy(io.Discard, r)
	})
	for _, how := range []string{"dial", "headers", "1xx", "body", "chunks"} {
		for _, deadline := range []bool{false, true} {
			t.Run(fmt.Sprint(how, " ", deadline), func(t *testing.T) {
				x := transport(t)
				if how == "dial" {
					x.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
						reached <- struct{}{}
						<-ctx.Done()
						return nil, errors.New("some other error")
					}
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				end := func() { cancel(errOurs) }
				want := errOurs
				if deadline {
					timed, stop := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errOurs)
					defer stop()
					ctx, end = timed, func() {}
				}
				req := request(t, "GET", url, "").WithContext(ctx)
				req.Header.Set("How", how)
				done := make(chan got, 1)
				go func() { done <- ask(x, req) }()
				heard(t, reached, "the request")
				end()
				if g := heard(t, done, "the end"); !errors.Is(errors.Join(g.asking, g.body), want) {
					t.Errorf("got %v, %v", g.asking, g.body)
				}
				if x.idleOf(url) != 0 {
					t.Error("the connection was kept")
				}
				cancel(nil)
			})
		}
	}
}

// TestBytesPassAsTheyCome in both directions, at the same time.
func TestBytesPassAsTheyCome(t *testing.T) {
	url := listen(t, func(_ int, c net.Conn, r *bufio.Reader) {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, ok+"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
		lines := bufio.NewScanner(req.Body)
		for lines.Scan() {
			_, _ = fmt.Fprintf(c, "%x\r\n%s\n\r\n", len(lines.Text())+1, lines.Text())
		}
		_, _ = io.WriteString(c, "0\r\nX-Sum: "+req.Trailer.Get("X-Sum")+"\r\n\r\n")
	})
	x := transport(t)
	body, feed := io.Pipe()
	req := request(t, "POST", url, "")
	req.Body, req.ContentLength, req.Trailer = body, -1, http.Header{"X-Sum": nil}
	resp, err := x.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(resp.Body)
	for _, line := range []string{"one\n", "two\n"} {
		_, _ = io.WriteString(feed, line)
		if got, err := lines.ReadString('\n'); got != line || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	req.Trailer.Set("X-Sum", "42")
	_ = feed.Close()
	if rest, err := io.ReadAll(lines); len(rest) > 0 || err != nil || resp.Trailer.Get("X-Sum") != "42" {
		t.Errorf("got %q, %v, trailers %v", rest, err, resp.Trailer)
	}
	eventually(t, "the connection is kept", func() bool { return x.idleOf(url) == 1 })
}

func TestHeadersHaveATimeoutOfTheirOwn(t *testing.T) {
	release := make(chan struct{})
	url := listen(t, func(n int, c net.Conn, r *bufio.Reader) {
		for {
			req, err := readRequest(r)
			if err != nil {
				return
			}
			if req.Header.Get("Slow") == "body" {
				_, _ = io.WriteString(c, ok+"Content-Length: 2\r\n\r\na")
				<-release
				_, _ = io.WriteString(c, "b")
			}
		}
	})
	x := transport(t)
	x.ResponseHeaderTimeout = 30 * time.Millisecond
	for _, body := range []string{"", "body"} {
		g := ask(x, request(t, "POST", url, body))
		var timeout net.Error
		if !errors.As(g.asking, &timeout) || !timeout.Timeout() || !errors.Is(g.asking, context.DeadlineExceeded) {
			t.Errorf("got %v", g.asking)
		}
	}
	req := request(t, "GET", url, "")
	req.Header.Set("Slow", "body")
	time.AfterFunc(2*x.ResponseHeaderTimeout, func() { close(release) })
	ask(x, req).must(t, "ab")
}

func TestInformationalAnswersAreTold(t *testing.T) {
	url := answering(t, strings.Repeat(hint, 1100)+ok+"Content-Length: 0\r\n\r\n", false)
	told, most := 0, 2000
	req := request(t, "GET", url, "")
	req = req.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			if told++; told > most || code != 103 || h.Get("Link") == "" {
				return errOurs
			}
			return nil
		},
	}))
	if g := ask(transport(t), req).must(t, ""); told != 1100 || len(g.Header) != 1 {
		t.Errorf("told %d times, headers %v", told, g.Header)
	}
	told, most = 0, 3 // who listens may have had enough
	if g := ask(transport(t), req); !errors.Is(g.asking, errOurs) {
		t.Errorf("got %v", g.asking)
	}
}

func TestAnUpgradeHandsOverTheConnection(t *testing.T) {
	url := listen(t, func(_ int, c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly")
		_, _ = io.Copy(c, r)
	})
	ctx, cancel := context.WithCancel(t.Context())
	req := request(t, "GET", url, "").WithContext(ctx)
	req.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"echo"}}
	x := transport(t)
	resp, err := x.RoundTrip(req)
	if err != nil || resp.StatusCode != 101 {
		t.Fatal(resp, err)
	}
	cancel() // the request is over
	body := resp.Body.(io.ReadWriteCloser)
	if _, err := io.WriteString(body, " late"); err != nil {
		t.Fatal(err)
	}
	if err := body.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(body); err != nil || string(text) != "early late" {
		t.Errorf("got %q, %v", text, err)
	}
	if err := body.Close(); err != nil || x.idleOf(url) != 0 {
		t.Errorf("%v, %d idle", err, x.idleOf(url))
	}
}

func TestGzipIsUndoneWhereNobodyAskedForIt(t *testing.T) {
	text := strings.Repeat("hello ", 10000)
	raw := ok + fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(zipped(text)), zipped(text))
	url := answering(t, raw, false)
	x := transport(t)
	for range 3 {
		g := ask(x, request(t, "GET", url, "")).must(t, text)
		if !g.Uncompressed || g.ContentLength != -1 || len(g.Header) != 0 {
			t.Errorf("got %+v", g.Response)
		}
		if x.idleOf(url) != 1 {
			t.Error("the connection was not kept")
		}
	}
	for name, c := range map[string]struct {
		disabled bool
		header   string
	}{"asked": {false, "Accept-Encoding"}, "of a part": {false, "Range"}, "disabled": {true, "A"}} {
		req := request(t, "GET", url, "")
		req.Header.Set(c.header, "gzip")
		y := transport(t)
		y.DisableCompression = c.disabled
		if g := ask(y, req).must(t, string(zipped(text))); g.Uncompressed || g.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: got %+v", name, g.Response)
		}
	}
	broken := answering(t, ok+"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", false)
	if g := ask(x, request(t, "GET", broken, "")); g.body == nil {
		t.Errorf("what is not gzip: got %q", g.text)
	}
}

// TestCloseEndsAReadThatWaits on another goroutine.
func TestCloseEndsAReadThatWaits(t *testing.T) {
	url := listen(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = io.WriteString(c, ok+"Content-Length: 10\r\n\r\nhello")
		_, _ = io.Copy(io.Discard, r)
	})
	x := transport(t)
	var watch atomic.Bool
	reads := make(chan struct{}, 1)
	x.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		return &watched{c, &watch, reads}, err
	}
	resp, err := x.RoundTrip(request(t, "GET", url, ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	watch.Store(true)
	done := make(chan error)
	go func() {
		_, err := resp.Body.Read(make([]byte, 5))
		done <- err
	}()
	heard(t, reads, "the read")
	_ = resp.Body.Close()
	if err := heard(t, done, "the end of the read"); !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("got %v", err)
	}
}

// watched tells when it is read, once on is set.
type watched struct {
	net.Conn
	on    *atomic.Bool
	reads chan struct{}
}

func (w *watched) Read(p []byte) (int, error) {
	if w.on.Load() {
		w.reads <- struct{}{}
	}
	return w.Conn.Read(p)
}
