package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNoOpPassesAnswersAsTheyAre(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Set-Cookie", "a=1")
		h.Add("Set-Cookie", "b=2")
		h.Set("X-Krakend", "theirs")
		h.Set("X-Own", "1")
		h.Set("X-Hop", "1")
		h.Set("Connection", "X-Hop")
		h.Set("Keep-Alive", "timeout=5")
		h.Set("Content-Type", "image/png")
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("\x00binary\xff"))
	})
	got := serving(t, noop("GET /a", host, "/", cacheTTL(time.Minute))).send(t, "GET /a", "")
	if got.StatusCode != http.StatusTeapot || got.Text != "\x00binary\xff" || got.ContentLength != 8 {
		t.Errorf("got %d %q, length %d", got.StatusCode, got.Text, got.ContentLength)
	}
	for name, want := range map[string][]string{
		"Set-Cookie":          {"a=1", "b=2"},
		"X-Krakend":           {"Version 1.2.3", "theirs"},
		"X-Krakend-Completed": {"false"},
		"Cache-Control":       nil, // cache_ttl is for decoded answers
		"X-Own":               {"1"},
		"X-Hop":               nil,
		"Keep-Alive":          nil,
		"Content-Type":        {"image/png"},
	} {
		if !slices.Equal(got.Header[name], want) {
			t.Errorf("%s: got %q, want %q", name, got.Header[name], want)
		}
	}
}

func TestRedirectsAreFollowed(t *testing.T) {
	loops := 0 // one request at a time
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/end":
			_, _ = fmt.Fprintf(w, "%s %s", r.Method, r.Referer())
		case "/loop":
			loops++
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/none":
			w.WriteHeader(http.StatusFound)
		default:
			http.Redirect(w, r, "/end", int(r.URL.Path[1]-'0')*100+int(r.URL.Path[3]-'0'))
		}
	})
	g := serving(t, noop("GET /{code}", host, "/{code}"), noop("POST /{code}", host, "/{code}"))
	for _, c := range []struct{ route, body, want string }{
		{"GET /301", "", "200 GET " + host + "/301"},
		{"GET /302", "", "200 GET " + host + "/302"},
		{"GET /303", "", "200 GET " + host + "/303"},
		{"GET /307", "", "200 GET " + host + "/307"},
		{"POST /301", "x", "200 GET " + host + "/301"},
		{"POST /303", "x", "200 GET " + host + "/303"},
		{"POST /307", "", "200 POST " + host + "/307"},
		{"POST /308", "x", "308 "},
		{"GET /304", "", "304 "},
		{"POST /302", "x", "200 GET " + host + "/302"},
		{"POST /307", "x", "307 "},
		{"GET /loop", "", "500 "},
		{"GET /none", "", "302 "},
	} {
		got := g.send(t, c.route, c.body)
		if text := fmt.Sprint(got.StatusCode, " ", got.Text); text != c.want {
			t.Errorf("%s: got %s, want %s", c.route, text, c.want)
		}
	}
	if loops != 10 {
		t.Errorf("a loop is followed for %d calls", loops)
	}
	// A decoded answer is followed as well.
	g = serving(t, endpointOf("string", "GET /{code}", host, "/{code}"))
	if got := g.send(t, "GET /302", ""); got.Text != "GET "+host+"/302" {
		t.Errorf("got %q", got.Text)
	}
}

// heard is sent to by a backend's handler; a test that waits for it in vain fails.
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

func TestEventsReachTheClientAsTheyAreSent(t *testing.T) {
	bothWays(t, func(t *testing.T, start starter) {
		next := make(chan string)
		host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.(http.Flusher).Flush()
			for event := range next {
				_, _ = io.WriteString(w, "data: "+event+"\n\n")
				w.(http.Flusher).Flush()
			}
		})
		g := start(t, noop("GET /events", host, "/"))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.URL+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := g.Client.Do(req) // returns only when the headers have come, before any event
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		lines := bufio.NewReader(resp.Body)
		for _, event := range []string{"one", "two"} {
			next <- event
			if line, err := lines.ReadString('\n'); err != nil || line != "data: "+event+"\n" {
				t.Fatalf("got %q, %v", line, err)
			}
			if _, err := lines.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		close(next)
		if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
			t.Errorf("the end: %q, %v", rest, err)
		}
	})
}

func TestUploadsReachTheBackendAsTheyAreSent(t *testing.T) {
	bothWays(t, func(t *testing.T, start starter) {
		arrived := make(chan string)
		host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
			lines := bufio.NewScanner(r.Body)
			for lines.Scan() {
				arrived <- lines.Text()
			}
			_, _ = w.Write([]byte(r.Trailer.Get("X-Sum") + r.Trailer.Get("X-Other")))
		})
		g := start(t, noop("POST /up", host, "/", inputHeaders("Content-Type", "X-Sum")))
		body, feed := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+"/up", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Trailer = http.Header{"X-Sum": nil, "X-Other": nil}
		type result struct {
			text string
			err  error
		}
		answered := make(chan result, 1)
		go func() {
			resp, err := g.Client.Do(req)
			if err != nil {
				answered <- result{err: err}
				return
			}
			text, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			answered <- result{string(text), err}
		}()
		for _, line := range []string{"one", "two"} {
			if _, err := io.WriteString(feed, line+"\n"); err != nil {
				t.Fatal(err)
			}
			if got := heard(t, arrived, "a line at the backend"); got != line {
				t.Errorf("got %q", got)
			}
		}
		req.Trailer.Set("X-Sum", "42")
		req.Trailer.Set("X-Other", "no")
		_ = feed.Close()
		if got := heard(t, answered, "the answer"); got.err != nil || got.text != "42" {
			t.Errorf("got %q, %v; want the trailer that input_headers lets through", got.text, got.err)
		}
	})
}

// TestAnswerBeforeTheUploadEnds: neither the answer nor the end of the request may
// wait for a client that goes on sending.
func TestAnswerBeforeTheUploadEnds(t *testing.T) {
	bothWays(t, func(t *testing.T, start starter) {
		host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			_, _ = w.Write([]byte("enough"))
		})
		g := start(t, noop("POST /up", host, "/"), object("POST /json", host, "/"))
		for path, status := range map[string]int{"/up": 413, "/json": 500} {
			conn, err := net.Dial("tcp", g.Addr())
			if err != nil {
				t.Fatal(err)
			}
			if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", path)
			if err != nil {
				t.Fatal(err)
			}
			reader := bufio.NewReader(conn)
			resp, err := http.ReadResponse(reader, nil)
			if err != nil || resp.StatusCode != status {
				t.Fatalf("%s: got %v, %v", path, resp, err)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Error(err)
			}
			if _, err := reader.ReadByte(); !errors.Is(err, io.EOF) {
				t.Errorf("%s: the connection should have been closed, got %v", path, err)
			}
			_ = conn.Close()
		}
	})
}

func TestTrailersOfAnswersPass(t *testing.T) {
	bothWays(t, func(t *testing.T, start starter) {
		host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			_, _ = w.Write([]byte("body"))
			w.Header().Set("X-Sum", "42")
			if r.URL.Query().Has("late") {
				w.Header().Set(http.TrailerPrefix+"X-Late", "1")
			}
		})
		g := start(t, noop("GET /a", host, "/", inputQuery("late")))
		got := g.send(t, "GET /a", "")
		if got.Text != "body" || got.Trailer.Get("X-Sum") != "42" {
			t.Errorf("got %q, trailers %v", got.Text, got.Trailer)
		}
		if got := g.send(t, "GET /a?late=1", ""); got.Trailer.Get("X-Sum") != "42" || got.Trailer.Get("X-Late") != "1" {
			t.Errorf("an unannounced one: %v", got.Trailer)
		}
	})
}

// TestLargeBodiesPassBothWays moves more than any buffer holds, at once.
func TestLargeBodiesPassBothWays(t *testing.T) {
	bothWays(t, func(t *testing.T, start starter) {
		host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
				t.Error(err)
			}
			_, _ = io.Copy(w, r.Body)
		})
		g := start(t, noop("PUT /a", host, "/"))
		body := strings.Repeat("0123456789abcdef", 1<<19)
		if got := g.send(t, "PUT /a", body); got.Text != body {
			t.Errorf("%d of %d bytes came back", len(got.Text), len(body))
		}
	})
}

func TestHTTP2ClientsAreServed(t *testing.T) {
	g, err := New(serviceOf(noop("POST /a", upstream(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s", r.Proto, text)
	}), "/")), Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(g.Handler())
	s.EnableHTTP2 = true
	s.StartTLS()
	defer func() { _ = g.Close(context.Background()) }()
	defer s.Close()
	resp, err := s.Client().Post(s.URL+"/a", "text/plain", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.ProtoMajor != 2 || string(text) != "HTTP/1.1 hello" {
		t.Errorf("got %s %q, %v", resp.Proto, text, err)
	}
}
