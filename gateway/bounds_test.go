package gateway

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// raw sends text over a connection of its own, and gives what comes back until the
// gateway closes it.
func raw(t *testing.T, g *running, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", g.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Log(err) // it may be closed already: the answer tells
	}
	all, _ := io.ReadAll(conn) // a reset is an end too
	return string(all)
}

func TestBodiesLargerThanMaxPayloadAre413(t *testing.T) {
	read := make(chan int, 100)
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		read <- len(body)
		_, _ = io.WriteString(w, `{}`)
	})
	c := newCollector(t)
	s := serviceOf(noop("POST /a", host, "/"), object("POST /json", host, "/"),
		noop("POST /own", host, "/", func(e *config.Endpoint) { e.MaxPayload = 5 }))
	s.Router.MaxPayload, s.Moesif = 10, c.config()
	g := run(t, s)
	for _, want := range []struct {
		route  string
		body   io.Reader
		status int
	}{
		{"/a", strings.NewReader("0123456789"), 200},
		{"/a", strings.NewReader("0123456789a"), 413},
		{"/a", io.MultiReader(strings.NewReader("0123456789")), 200}, // chunked
		{"/a", io.MultiReader(strings.NewReader("0123456789a")), 413},
		{"/json", strings.NewReader("0123456789a"), 413},
		{"/json", io.MultiReader(strings.NewReader("0123456789a")), 413},
		{"/own", strings.NewReader("012345"), 413},
		{"/own", strings.NewReader("01234"), 200},
		{"/own", nil, 200},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", g.URL+want.route, want.body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := g.Client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != want.status {
			t.Errorf("%s: got %d %s", want.route, resp.StatusCode, text)
		}
		if want.status == 413 && (len(text) > 0 || resp.Header.Get("X-Krakend") != "" || resp.Header.Get("Content-Type") != "") {
			t.Errorf("%s: got %q %v", want.route, text, resp.Header)
		}
		e := heard(t, c.events, "the event")
		if refused := e.Metadata.Gatemeter.Refused; (refused == "payload_too_large") != (want.status == 413) {
			t.Errorf("%s: refused as %q", want.route, refused)
		}
	}
	for len(read) > 0 {
		if n := <-read; n > 10 {
			t.Errorf("the backend got %d bytes", n)
		}
	}
}

func TestFloodsOfHeadersAre431(t *testing.T) {
	s := serviceOf(noop("GET /a", upstream(t, echoURI), "/"))
	s.MaxHeaderBytes = 2000
	g := run(t, s)
	flood := "GET /a HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X-A: "+strings.Repeat("x", 90)+"\r\n", 100) + "\r\n"
	if got := raw(t, g, flood); !strings.HasPrefix(got, "HTTP/1.1 431 ") {
		t.Errorf("got %.100q", got)
	}
	// Without a limit in the file it is Go's, 1 MiB.
	g = serving(t, noop("GET /a", upstream(t, echoURI), "/"))
	flood = "GET /a HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X-A: "+strings.Repeat("x", 1000)+"\r\n", 1200) + "\r\n"
	if got := raw(t, g, flood); !strings.HasPrefix(got, "HTTP/1.1 431 ") && got != "" { // what was not read may reset the connection
		t.Errorf("got %.100q", got)
	}
	if got := g.send(t, "GET /a", ""); got.StatusCode != 200 {
		t.Errorf("afterwards: got %d", got.StatusCode)
	}
}

func TestClientsThatNeverFinishTheirHeadersAreCut(t *testing.T) {
	s := serviceOf(noop("GET /a", upstream(t, echoURI), "/"))
	s.ReadHeaderTimeout = 50 * time.Millisecond
	g := run(t, s)
	conn, err := net.Dial("tcp", g.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, "GET /a HTTP/1.1\r\nHost: a\r\nX-Slow: "); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(conn); err != nil { // it ends without our doing
		t.Errorf("got %q, %v", text, err)
	}
	for _, c := range []struct{ read, header, want time.Duration }{
		{0, 0, time.Minute}, {time.Second, 0, 0}, {0, time.Hour, time.Hour}, {time.Second, 2 * time.Second, 2 * time.Second},
	} {
		if got := headerTimeout(&config.Service{ReadTimeout: c.read, ReadHeaderTimeout: c.header}); got != c.want {
			t.Errorf("read_timeout %v, read_header_timeout %v: got %v", c.read, c.header, got)
		}
	}
}

// KrakenD v3, 1.2: read_timeout, write_timeout and idle_timeout are net/http's. A
// write_timeout that is shorter than an endpoint's timeout cuts its answers, without a
// word to the client.
func TestConnectionsEndWithTheServersTimeouts(t *testing.T) {
	waits := upstream(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	reads := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "read")
	})
	const short = 50 * time.Millisecond
	for _, c := range []struct {
		name    string
		change  func(*config.Service)
		request string
		want    string // how the answer begins; "" for none
	}{
		{"read_timeout", func(s *config.Service) { s.ReadTimeout = short }, "POST /reads HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf", "HTTP/1.1 500 "},
		{"write_timeout", func(s *config.Service) { s.WriteTimeout = short }, "GET /waits HTTP/1.1\r\nHost: a\r\n\r\n", ""},
		{"idle_timeout", func(s *config.Service) { s.IdleTimeout = short }, "GET /reads HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 "},
		{"read_timeout of idle connections", func(s *config.Service) { s.ReadTimeout = short }, "GET /reads HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serviceOf(object("GET /waits", waits, "/", timeout(3*short)), noop("GET /reads", reads, "/"), noop("POST /reads", reads, "/"))
			c.change(s)
			began := time.Now()
			got := raw(t, run(t, s), c.request)
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" || time.Since(began) >= patience {
				t.Errorf("got %q after %v", got, time.Since(began))
			}
		})
	}
}

// Whatever could be read in two ways is not passed on.
func TestRequestsThatCanBeReadInTwoWaysAreRefused(t *testing.T) {
	asked := make(chan string, 100)
	host := upstream(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked <- r.Method + " " + r.URL.Path + " " + string(body)
	})
	g := serving(t, noop("POST /a", host, "/in"), noop("GET /evil", host, "/evil"))
	const head = "POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
	for name, text := range map[string]string{
		"two lengths":                head + "Content-Length: 3\r\nContent-Length: 30\r\n\r\nabcGET /evil HTTP/1.1\r\nHost: a\r\n\r\n",
		"two lengths in one":         head + "Content-Length: 3, 30\r\n\r\nabc",
		"a length with a sign":       head + "Content-Length: +3\r\n\r\nabc",
		"a space before the colon":   head + "Content-Length : 3\r\n\r\nabc",
		"an encoding nobody knows":   head + "Transfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"two encodings":              head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"a chunk that is no number":  head + "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
		"no host":                    "POST /a HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
		"a header without a name":    head + ": x\r\n\r\n",
		"a line break in the target": "POST /a\rGET /evil HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		got := raw(t, g, text)
		if resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(got)), nil); err != nil || (resp.StatusCode < 400 || resp.StatusCode > 501) {
			t.Errorf("%s: got %.200q", name, got)
		}
		if n := strings.Count(got, "HTTP/1.1 "); n != 1 {
			t.Errorf("%s: %d answers", name, n)
		}
	}
	for len(asked) > 0 {
		if request := <-asked; request != "POST /in " {
			t.Errorf("the backend was asked: %s", request)
		}
	}
	// Both are allowed by RFC 9112, 6.3, where chunked wins; one goes on.
	raw(t, g, head+"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	for len(asked) > 0 { // one of those before may come late
		if request := <-asked; request != "POST /in abc" && request != "POST /in " {
			t.Errorf("the backend was asked: %s", request)
		}
	}
}

func TestPeersAreClientsWhereNoHeaderIsBelieved(t *testing.T) {
	seen := make(chan string, 1)
	s := serviceOf(noop("GET /a", upstream(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("X-Forwarded-For") }), "/"))
	s.Router.PeersAreClients = true
	run(t, s).send(t, "GET /a", "", "X-Forwarded-For: 1.2.3.4", "X-Real-Ip: 1.2.3.4")
	if got := heard(t, seen, "the backend's request"); got != "127.0.0.1" {
		t.Errorf("the client is %s", got)
	}
}

// KrakenD v3, 9.4.
func TestRedirectsAreTurnedOffTogether(t *testing.T) {
	for _, c := range []struct {
		router       config.Router
		slash, fixed int
	}{
		{config.Router{}, 301, 301},
		{config.Router{DisableRedirectTrailingSlash: true}, 301, 301},
		{config.Router{DisableRedirectFixedPath: true}, 301, 404},
		{config.Router{DisableRedirectTrailingSlash: true, DisableRedirectFixedPath: true}, 404, 404},
	} {
		s := serviceOf(noop("GET /a", upstream(t, echoURI), "/"))
		s.Router = c.router
		g := run(t, s)
		if slash, fixed := g.send(t, "GET /a/", "").StatusCode, g.send(t, "GET /A", "").StatusCode; slash != c.slash || fixed != c.fixed {
			t.Errorf("%+v: got %d and %d", c.router, slash, fixed)
		}
	}
}

func TestTheAccessLogIsSwitchedOff(t *testing.T) {
	for off, want := range map[bool]int{false: 1, true: 0} {
		var log lines
		s := serviceOf(noop("GET /a", upstream(t, echoURI), "/"))
		s.Router.DisableAccessLog, s.Logging.Access.Format = off, "httpdCommon"
		g := runAs(t, s, Options{Access: &log})
		g.send(t, "GET /a", "")
		if err := g.stop(); err != nil {
			t.Error(err)
		}
		if got := strings.Count(log.String(), "GET /a"); got != want {
			t.Errorf("disable_access_log %v: %d lines", off, got)
		}
	}
}

func TestPathsLeftOutOfTheAccessLog(t *testing.T) {
	var log lines
	s := serviceOf(noop("GET /a", upstream(t, echoURI), "/"), noop("GET /b", upstream(t, echoURI), "/"))
	s.Router.LoggerSkipPaths = []string{"/__health", "/b"}
	s.Logging.Access.Format = "httpdCommon"
	s.ListenIP, s.Port = "127.0.0.1", 0
	g, err := New(s, Options{Access: &log})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/__health", "/a", "/b", "/none"} {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", path, nil)
		r.RemoteAddr = "10.0.0.7:1"
		g.Handler().ServeHTTP(&blank{}, r)
	}
	if err := g.Close(t.Context()); err != nil {
		t.Error(err)
	}
	got := log.String()
	if strings.Count(got, "\n") != 2 || !strings.Contains(got, `10.0.0.7 - - [`) || !strings.Contains(got, `"GET /a HTTP/1.1" 200 1`) || !strings.Contains(got, `"GET /none HTTP/1.1" 404 18`) {
		t.Errorf("got %s", got)
	}
}
