package http1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// number answers with the number of the connection, and ends it when told to by the
// header Then, before the answer (fail), or after it (close, spoil).
func number(t testing.TB) (url string, gone chan int) {
	gone = make(chan int, 100)
	return listen(t, func(n int, c net.Conn, r *bufio.Reader) {
		defer func() { gone <- n }()
		for {
			req, err := readRequest(r)
			if err != nil {
				return
			}
			then := req.Header.Get("Then")
			if then == "fail" && n == 1 || then == "fail always" {
				return
			}
			text := fmt.Sprint(n)
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
			switch then {
			case "close":
				return
			case "spoil":
				_, _ = io.WriteString(c, ok+"Content-Length: 6\r\n\r\nforged")
			}
		}
	}), gone
}

func then(req *http.Request, what string) *http.Request {
	req.Header.Set("Then", what)
	return req
}

func heard[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: nothing within %s", what, patience)
		panic("unreachable")
	}
}

func TestAConnectionIsUsedAgain(t *testing.T) {
	url, _ := number(t)
	x := transport(t)
	for range 3 {
		ask(x, request(t, "GET", url, "")).must(t, "1")
	}
	for range 3 {
		g := ask(x, request(t, "POST", url, "body"))
		if g.asking != nil || g.body != nil {
			t.Fatal(g.asking, g.body)
		}
		eventually(t, "an idle connection", func() bool { return x.idleOf(url) > 0 })
	}
}

// TestAConnectionThatTheServerClosedIsNotUsed: not even a POST notices.
func TestAConnectionThatTheServerClosedIsNotUsed(t *testing.T) {
	url, gone := number(t)
	x := transport(t)
	ask(x, then(request(t, "GET", url, ""), "close")).must(t, "1")
	heard(t, gone, "the server's close")
	eventually(t, "the close has arrived", func() bool { return !x.lookup(hostName(url)).idle[0].alive() })
	ask(x, request(t, "POST", url, "body")).must(t, "2")
}

func hostName(url string) string {
	return strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/path?q=1")
}

// TestWhatAServerSaysUnaskedAnswersNothing: else one client would get another's answer.
func TestWhatAServerSaysUnaskedAnswersNothing(t *testing.T) {
	url, _ := number(t)
	x := transport(t)
	ask(x, then(request(t, "GET", url, ""), "spoil")).must(t, "1")
	if x.idleOf(url) == 1 {
		eventually(t, "it has arrived", func() bool { return !x.lookup(hostName(url)).idle[0].alive() })
	}
	ask(x, request(t, "GET", url, "")).must(t, "2")
}

// TestARequestIsSentAgainOnlyWhenThatIsSafe: the server ends a used connection with
// the request on it.
func TestARequestIsSentAgainOnlyWhenThatIsSafe(t *testing.T) {
	again := func(r *http.Request) *http.Request {
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("body")), nil }
		return r
	}
	key := func(r *http.Request) *http.Request { r.Header["Idempotency-Key"] = []string{"k"}; return r }
	for _, c := range []struct {
		name string
		req  *http.Request
		then string
		want string
	}{
		{"GET", request(t, "GET", "http://h/", ""), "fail", "2"},
		{"GET, and the new one fails too", request(t, "GET", "http://h/", ""), "fail always", ""},
		{"POST", request(t, "POST", "http://h/", ""), "fail", ""},
		{"POST with a key", key(request(t, "POST", "http://h/", "")), "fail", "2"},
		{"body with a key", key(request(t, "POST", "http://h/", "body")), "fail", ""},
		{"body with a key, there again", key(again(request(t, "POST", "http://h/", "body"))), "fail", "2"},
		{"body there again", again(request(t, "POST", "http://h/", "body")), "fail", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, _ := number(t)
			x := transport(t)
			ask(x, request(t, "GET", url, "")).must(t, "1")
			c.req.URL.Host = hostName(url)
			g := ask(x, then(c.req, c.then))
			if g.text != c.want || (g.asking == nil) != (c.want != "") {
				t.Errorf("got %q, %v", g.text, g.asking)
			}
			if c.want != "" && g.Request != c.req {
				t.Error("the answer is not to the request that was asked")
			}
		})
	}
	url, _ := number(t)
	if g := ask(transport(t), then(request(t, "GET", url, ""), "fail")); g.asking == nil {
		t.Errorf("on a new connection: got %q", g.text)
	}
}

// TestARequestThatCouldNotBeWrittenIsSentAgain: whatever its method, and its body with it.
func TestARequestThatCouldNotBeWrittenIsSentAgain(t *testing.T) {
	url, _ := number(t)
	x := transport(t)
	var first atomic.Pointer[mute]
	x.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil && first.Load() == nil {
			m := &mute{TCPConn: c.(*net.TCPConn)}
			first.Store(m)
			return m, nil
		}
		return c, err
	}
	ask(x, request(t, "GET", url, "")).must(t, "1")
	first.Load().on.Store(true)
	ask(x, request(t, "POST", url, "body")).must(t, "2")
}

// mute fails to write once on is set.
type mute struct {
	*net.TCPConn
	on atomic.Bool
}

func (m *mute) Write(p []byte) (int, error) {
	if m.on.Load() {
		return 0, io.ErrClosedPipe
	}
	return m.TCPConn.Write(p)
}

func TestIdleConnectionsAreBounded(t *testing.T) {
	a, _ := number(t)
	b, _ := number(t)
	for _, c := range []struct {
		name           string
		x              *Transport
		wantA, wantAll int
	}{
		{"default", &Transport{}, 2, 4},
		{"per host", &Transport{MaxIdleConnsPerHost: 3}, 3, 6},
		{"none", &Transport{MaxIdleConnsPerHost: -1}, 0, 0},
		{"no keep-alive", &Transport{DisableKeepAlives: true}, 0, 0},
		{"all hosts", &Transport{MaxIdleConnsPerHost: 5, MaxIdleConns: 4}, 1, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := c.x
			defer x.CloseIdleConnections()
			for i, url := range []string{a, b} { // b's come later, so a's are the older ones
				n := []int{5, 3}[i]
				answers := make([]*http.Response, n)
				for i := range answers {
					resp, err := x.RoundTrip(request(t, "GET", url, ""))
					if err != nil {
						t.Fatal(err)
					}
					answers[i] = resp
				}
				for _, resp := range answers {
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}
			for range 3 { // one in use more than once counts once
				ask(x, request(t, "GET", b, ""))
			}
			if a, all := x.idleOf(a), x.idleOf(a)+x.idleOf(b); a != c.wantA || all != c.wantAll {
				t.Errorf("%d idle to the one, %d to both; want %d and %d", a, all, c.wantA, c.wantAll)
			}
			if x.MaxIdleConns > 0 && x.idle.Load() != int64(c.wantAll) {
				t.Errorf("counted %d", x.idle.Load())
			}
		})
	}
}

func TestIdleConnectionsEndAfterTheirTimeout(t *testing.T) {
	url, gone := number(t)
	x := transport(t)
	x.IdleConnTimeout = 30 * time.Millisecond
	ask(x, request(t, "GET", url, "")).must(t, "1")
	heard(t, gone, "the end of the idle connection")
	eventually(t, "a host without connections is dropped", func() bool { return x.lookup(hostName(url)) == nil })
	ask(x, request(t, "GET", url, "")).must(t, "2")
}

func TestSweepEndsWhatTheServerHasClosed(t *testing.T) {
	url, gone := number(t)
	x := transport(t)
	ask(x, then(request(t, "GET", url, ""), "close")).must(t, "1")
	heard(t, gone, "the server's close")
	h := x.lookup(hostName(url))
	eventually(t, "the close has arrived", func() bool { return !h.idle[0].alive() })
	x.swept(h)
	if x.lookup(hostName(url)) != nil {
		t.Error("the connection is still there")
	}
	ask(x, request(t, "GET", url, "")).must(t, "2")
}

func TestCloseIdleConnectionsEndsThoseInUseLater(t *testing.T) {
	url, gone := number(t)
	x := transport(t)
	resp, err := x.RoundTrip(request(t, "GET", url, ""))
	if err != nil {
		t.Fatal(err)
	}
	x.CloseIdleConnections()
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	heard(t, gone, "the end of the connection")
	ask(x, request(t, "GET", url, "")).must(t, "2")
	x.CloseIdleConnections()
	heard(t, gone, "the end of the idle connection")
}

func TestABodyClosedEarlyTakesItsConnectionWithIt(t *testing.T) {
	url, gone := number(t)
	x := transport(t)
	resp, err := x.RoundTrip(request(t, "GET", url, ""))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	heard(t, gone, "the end of the connection")
	if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("reading on: %v", err)
	}
}

// TestAConnectionThatIsBeingEndedIsNotKept: by the end of a context, or of the time
// that a late upload has.
func TestAConnectionThatIsBeingEndedIsNotKept(t *testing.T) {
	x := transport(t)
	for name, end := range map[string]func(*exchange){
		"not at all": func(*exchange) {},
		"context":    func(e *exchange) { e.c.interrupt() },
		"late": func(e *exchange) {
			fired := make(chan struct{})
			e.late = time.AfterFunc(0, func() { close(fired) })
			<-fired
		},
	} {
		h := &host{name: name, gone: true}
		e := newExchange(x, newConn(canned{}, h), request(t, "GET", "http://h/", ""))
		end(e)
		e.leave(true)
		if kept := x.lookup(name) != nil; kept != (name == "not at all") {
			t.Errorf("%s: kept: %v", name, kept)
		}
	}
}

// TestNoDeadlineUndoesAnInterrupt: whichever comes first.
func TestNoDeadlineUndoesAnInterrupt(t *testing.T) {
	socket, other := net.Pipe()
	defer other.Close()
	c := newConn(socket, nil)
	defer c.close()
	c.interrupt()
	c.readUntil(time.Time{})
	if _, err := c.r.Peek(1); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestManyAtOnce: every request gets its own answer, whatever the others do.
func TestManyAtOnce(t *testing.T) {
	url := listen(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for n := 0; ; n++ {
			req, err := readRequest(r)
			if err != nil {
				return
			}
			text, _ := io.ReadAll(req.Body)
			answer := fmt.Sprintf("%s %s", req.Header.Get("Id"), text)
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(answer), answer)
			if n == 7 {
				return // without a word
			}
		}
	})
	x := transport(t)
	x.MaxIdleConns = 3
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for i := range 60 {
				id := fmt.Sprint(worker, "-", i)
				method, body := "GET", ""
				if i%3 == 1 {
					method, body = "PUT", strings.Repeat(id, 1000)
				}
				ctx, cancel := context.WithCancel(t.Context())
				req := request(t, method, url, body).WithContext(ctx)
				req.Header.Set("Id", id)
				if i%10 == 5 {
					cancel()
				}
				resp, err := x.RoundTrip(req)
				if err == nil {
					text, err := io.ReadAll(resp.Body)
					if err == nil && string(text) != id+" "+body {
						t.Errorf("%s got %q", id, text)
					}
					resp.Body.Close()
				} else if method == "GET" && i%10 != 5 {
					t.Errorf("%s: %v", id, err)
				}
				cancel()
			}
		})
	}
	wait.Wait()
}
