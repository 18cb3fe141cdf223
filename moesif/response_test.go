package moesif

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// get asks and returns the answer with its whole body read.
func get(t *testing.T, s *httptest.Server, path string) (*http.Response, string) {
	t.Helper()
	resp, err := s.Client().Get(s.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	return resp, readAll(t, resp)
}

func readAll(t *testing.T, resp *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("reading the answer: %v", err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	return string(body)
}

func TestTheFirstFinalStatusIsTheAnswers(t *testing.T) {
	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    int
	}{
		{"nothing written", func(http.ResponseWriter, *http.Request) {}, 200},
		{"a body alone", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "x") }, 200},
		{"a status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, 404},
		{"a status after early hints", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</a>")
			w.WriteHeader(103)
			w.WriteHeader(102)
			w.WriteHeader(201)
		}, 201},
		{"early hints alone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103) }, 200},
		{"a flush", func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }, 200},
		{"not modified", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }, 304},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) }, 503},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := start(t, "")
			resp, _ := get(t, g.serve(tt.handler), "/")
			e := g.one(t)
			if e.Response == nil || e.Response.Status != tt.want || resp.StatusCode != tt.want {
				t.Errorf("reported %+v, the client got %d, want %d", e.Response, resp.StatusCode, tt.want)
			}
		})
	}
}

func TestHeadersAreThoseThatWereSent(t *testing.T) {
	g := start(t, "")
	get(t, g.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Sent", "yes")
		w.Header().Add("Set-Cookie", "a=1, b")
		w.Header().Add("Set-Cookie", "c=2")
		w.WriteHeader(200)
		w.Header().Set("X-Late", "no")
	})), "/")
	h := g.one(t).Response.Headers
	if header(h, "X-Sent") != "yes" || header(h, "X-Late") != "" {
		t.Errorf("got %v", h)
	}
}

func TestAStreamReachesTheClientWhileItRuns(t *testing.T) {
	g := start(t, "")
	next := make(chan struct{})
	s := g.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
			<-next
		}
	}))
	resp, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(resp.Body)
	for i := range 3 {
		line, err := lines.ReadString('\n')
		if _, blank := lines.ReadString('\n'); err != nil || blank != nil || line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("event %d: %q %v", i, line, err)
		}
		if n := g.Stats().Captured; n != 0 {
			t.Errorf("reported while it ran: %d", n)
		}
		next <- struct{}{}
	}
	readAll(t, resp)
	if e := g.one(t); e.Response.ContentLength != int64(len("data: 0\n\n")*3) {
		t.Errorf("got %d bytes", e.Response.ContentLength)
	}
}

func TestTrailersPass(t *testing.T) {
	g := start(t, "")
	resp, body := get(t, g.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprint(w, "body")
		w.(http.Flusher).Flush()
		w.Header().Set("X-Sum", "42")
		w.Header().Set(http.TrailerPrefix+"X-More", "43")
	})), "/")
	if body != "body" || resp.Trailer.Get("X-Sum") != "42" || resp.Trailer.Get("X-More") != "43" {
		t.Errorf("got %q %v", body, resp.Trailer)
	}
	if e := g.one(t); header(e.Response.Headers, "X-Sum") != "" {
		t.Errorf("a trailer stands among the headers: %v", e.Response.Headers)
	}
}

// upgrade answers 101 on the raw connection and echoes one line.
func upgrade(w http.ResponseWriter, _ *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: line\r\n\r\n")
	_ = rw.Flush()
	line, _ := rw.ReadString('\n')
	_, _ = rw.WriteString("echo " + line)
	_ = rw.Flush()
}

func TestAnUpgradeIsReportedAtOnce(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(upgrade))
	defer backend.Close()
	target, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	handlers := map[string]http.Handler{
		"a handler of its own": http.HandlerFunc(upgrade),
		"a reverse proxy":      httputil.NewSingleHostReverseProxy(target),
		"behind a wrapper": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			upgrade(hiding{w}, r)
		}),
	}
	for name, handler := range handlers {
		for _, outside := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, wrapped outside: %v", name, outside), func(t *testing.T) {
				g := start(t, "")
				captured := g.Capture(handler)
				s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if outside {
						w = hiding{w}
					}
					captured.ServeHTTP(w, r)
				}))
				defer s.Close()
				conn, err := net.Dial("tcp", s.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close() }()
				fmt.Fprint(conn, "GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: line\r\n\r\n")
				in := bufio.NewReader(conn)
				resp, err := http.ReadResponse(in, nil)
				if err != nil || resp.StatusCode != 101 {
					t.Fatalf("%v %v", resp, err)
				}
				g.Flush()
				e := g.collector.await(t, 1)[0] // the connection is still open
				if e.Response == nil || e.Response.Status != 101 || e.Response.ContentLength != -1 {
					t.Errorf("got %+v", e.Response)
				}
				fmt.Fprint(conn, "hello\n")
				if line, err := in.ReadString('\n'); err != nil || line != "echo hello\n" {
					t.Errorf("got %q %v", line, err)
				}
				g.one(t)
			})
		}
	}
}

func TestAPanicPassesAndIsReported(t *testing.T) {
	tests := []struct {
		name    string
		handler http.HandlerFunc
		status  int // 0: no answer
		body    int64
	}{
		{"before the answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, 0},
		{"in the middle", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			fmt.Fprint(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, 200, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := start(t, "")
			s := g.serve(tt.handler)
			resp, err := s.Client().Get(s.URL)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			if err == nil {
				t.Error("the client saw no error")
			}
			e := g.one(t)
			if tt.status == 0 {
				if e.Response != nil {
					t.Errorf("an answer was made up: %+v", e.Response)
				}
				return
			}
			if e.Response == nil || e.Response.Status != tt.status || e.Response.ContentLength != tt.body {
				t.Errorf("got %+v", e.Response)
			}
		})
	}
	t.Run("the value of the panic", func(t *testing.T) {
		g := start(t, "")
		defer func() {
			if v := recover(); v != "boom" {
				t.Errorf("recovered %v", v)
			}
			g.one(t)
		}()
		g.Capture(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })).
			ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	})
}

func TestAFileIsSentWholeAndKeptBounded(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 20_000) // 320,000 bytes
	name := filepath.Join(t.TempDir(), "file.bin")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	g := start(t, "")
	s := g.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, name) }))
	if _, body := get(t, s, "/"); body != string(content) {
		t.Errorf("the client got %d other bytes", len(body))
	}
	resp, err := s.Client().Head(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	readAll(t, resp)
	events := g.drain(t)
	if len(events) != 2 {
		t.Fatalf("%d events", len(events))
	}
	whole, head := events[0].Response, events[1].Response
	if whole.ContentLength != int64(len(content)) || whole.TransferEncoding != "base64" {
		t.Errorf("reported %d bytes, %s", whole.ContentLength, whole.TransferEncoding)
	}
	if n := len(whole.Body); n != 100_000/3*4+4+2 {
		t.Errorf("the body takes %d bytes in base64", n)
	}
	if cut := gatemeter(t, events[0]).Cut; len(cut) != 1 || cut[0] != "response.body" {
		t.Errorf("cut %v", cut)
	}
	if head.ContentLength != 0 || head.Body != nil {
		t.Errorf("a HEAD has a body: %+v", head)
	}
}

func TestAfterEnoughIsKeptTheServersWriterCopies(t *testing.T) {
	var delegated bytes.Buffer
	recorder := httptest.NewRecorder()
	inner := struct {
		bare
		reads
	}{bare{recorder}, reads{&delegated}}
	g := start(t, `"response_max_body_size": 10`)
	g.Capture(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("0123456789rest")); n != 14 || err != nil {
			t.Errorf("got %d %v", n, err)
		}
		if n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("more")); n != 4 || err != nil {
			t.Errorf("got %d %v", n, err)
		}
	})).ServeHTTP(inner, httptest.NewRequest("GET", "/", nil))
	if recorder.Body.String() != "0123456789" || delegated.String() != "restmore" {
		t.Errorf("copied %q, delegated %q", recorder.Body, &delegated)
	}
	if e := g.one(t); e.Response.ContentLength != 18 {
		t.Errorf("counted %d bytes", e.Response.ContentLength)
	}
}

func TestAShortSourceIsNotReadTwice(t *testing.T) {
	var delegated bytes.Buffer
	recorder := httptest.NewRecorder()
	g := start(t, "")
	g.Capture(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("short")); n != 5 || err != nil {
			t.Errorf("got %d %v", n, err)
		}
	})).ServeHTTP(struct {
		bare
		reads
	}{bare{recorder}, reads{&delegated}}, httptest.NewRequest("GET", "/", nil))
	if recorder.Body.String() != "short" || delegated.Len() != 0 {
		t.Errorf("copied %q, delegated %q", recorder.Body, &delegated)
	}
	g.one(t)
}
