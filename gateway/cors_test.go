package gateway

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// preflight are the headers with which a browser asks for permission.
func preflight(origin, method string, more ...string) []string {
	return append([]string{"Origin: " + origin, "Access-Control-Request-Method: " + method}, more...)
}

// allowHeaders are those of an answer that CORS is about, "Name: value", with the
// prefix left out.
func allowHeaders(h http.Header) string {
	var all []string
	for _, name := range []string{"Origin", "Methods", "Headers", "Credentials", "Private-Network"} {
		for _, value := range h.Values("Access-Control-Allow-" + name) {
			all = append(all, name+": "+value)
		}
	}
	return strings.Join(all, ", ")
}

const (
	shop  = "https://shop.example"
	other = "https://other.example"
)

func TestCORSAnswersPreflights(t *testing.T) {
	asked := make(chan string, 10)
	host := upstream(t, func(_ http.ResponseWriter, r *http.Request) { asked <- r.Method })
	const vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
	for name, c := range map[string]struct {
		cors    config.CORS
		headers []string
		status  int
		allow   string
		maxAge  string
		vary    string
	}{
		"an empty block lets everybody GET":  {config.CORS{}, preflight(shop, "GET"), 204, "Origin: *, Methods: GET", "", vary},
		"an empty block lets everybody HEAD": {config.CORS{}, preflight(shop, "HEAD"), 204, "Origin: *, Methods: HEAD", "", vary},
		"an empty block lets nobody PUT":     {config.CORS{}, preflight(shop, "PUT"), 204, "", "", vary},
		"any header passes where none is named": {
			config.CORS{}, preflight(shop, "POST", "Access-Control-Request-Headers: x-a"), 204, "Origin: *, Methods: POST, Headers: x-a", "", vary,
		},
		"a header that is not named does not": {
			config.CORS{AllowHeaders: []string{"X-B"}}, preflight(shop, "POST", "Access-Control-Request-Headers: x-a"), 204, "", "", vary,
		},
		"a named origin": {
			config.CORS{AllowOrigins: []string{shop}, AllowMethods: []string{"DELETE"}, AllowCredentials: true, MaxAge: 12 * time.Hour},
			preflight(shop, "DELETE"), 204, "Origin: " + shop + ", Methods: DELETE, Credentials: true", "43200", vary,
		},
		"another origin": {config.CORS{AllowOrigins: []string{shop}}, preflight(other, "GET"), 204, "", "", vary},
		"an origin with a wildcard": {
			config.CORS{AllowOrigins: []string{"https://*.example"}}, preflight(other, "GET"), 204, "Origin: " + other + ", Methods: GET", "", vary,
		},
		"another status, a private network": {
			config.CORS{OptionsSuccessStatus: 200, AllowPrivateNetwork: true}, preflight(shop, "GET", "Access-Control-Request-Private-Network: true"),
			200, "Origin: *, Methods: GET, Private-Network: true", "", vary + ", Access-Control-Request-Private-Network",
		},
	} {
		s := serviceOf(noop("GET /a", host, "/"))
		s.CORS = &c.cors
		g := run(t, s)
		for _, path := range []string{"/a", "/none"} {
			got := g.send(t, "OPTIONS "+path, "", c.headers...)
			if got.StatusCode != c.status || allowHeaders(got.Header) != c.allow || got.Text != "" {
				t.Errorf("%s: %s: got %d %s %q", name, path, got.StatusCode, allowHeaders(got.Header), got.Text)
			}
			if age := got.Header.Get("Access-Control-Max-Age"); age != c.maxAge {
				t.Errorf("%s: Access-Control-Max-Age is %q", name, age)
			}
			if v := strings.Join(got.Header.Values("Vary"), ", "); v != c.vary {
				t.Errorf("%s: Vary is %q", name, v)
			}
			if got.Header.Get("X-Krakend") != "" { // KrakenD v3, 9.5
				t.Errorf("%s: has X-Krakend", name)
			}
		}
	}
	if len(asked) > 0 {
		t.Errorf("the backend was asked: %s", <-asked)
	}
}

func TestCORSMarksWhatOthersMayRead(t *testing.T) {
	s := serviceOf(noop("GET /a", upstream(t, echoURI), "/x"), object("GET /json", upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{}`))
	}), "/"))
	s.CORS = &config.CORS{AllowOrigins: []string{shop}, ExposeHeaders: []string{"content-length", "X-A"}}
	g := run(t, s)
	for _, c := range []struct{ route, origin, allow, expose string }{
		{"GET /a", shop, "Origin: " + shop, "Content-Length, X-A"},
		{"GET /json", shop, "Origin: " + shop, "Content-Length, X-A"},
		{"GET /none", shop, "Origin: " + shop, "Content-Length, X-A"},
		{"GET /__health", shop, "Origin: " + shop, "Content-Length, X-A"},
		{"GET /a", other, "", ""},
		{"GET /a", "", "", ""},
		{"PUT /a", shop, "", ""}, // not one of the methods
	} {
		var headers []string
		if c.origin != "" {
			headers = []string{"Origin: " + c.origin}
		}
		got := g.send(t, c.route, "", headers...)
		if allowHeaders(got.Header) != c.allow || got.Header.Get("Access-Control-Expose-Headers") != c.expose || got.Header.Get("Vary") != "Origin" {
			t.Errorf("%s from %q: got %v", c.route, c.origin, got.Header)
		}
	}
	if got := g.send(t, "OPTIONS /a", "", "Origin: "+shop); got.StatusCode != 405 { // no preflight
		t.Errorf("got %d", got.StatusCode)
	}
	s.CORS = &config.CORS{AllowOrigins: []string{shop}, AllowCredentials: true}
	if got := run(t, s).send(t, "GET /a", "", "Origin: "+shop); allowHeaders(got.Header) != "Origin: "+shop+", Credentials: true" {
		t.Errorf("with allow_credentials: got %v", got.Header)
	}
}

// What CORS sets is there before the backend is asked, and a no-op answer's headers
// are added to it, as in KrakenD: both say who may read the answer, and browsers
// refuse it. Whoever has security/cors takes the headers out of the backend.
func TestBackendsOwnCORSHeadersStandBesideTheGateways(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "https://backend.example")
		w.Header().Set("Vary", "Accept")
		_, _ = w.Write([]byte(`{}`))
	})
	s := serviceOf(noop("GET /a", host, "/"), object("GET /json", host, "/"))
	s.CORS = &config.CORS{}
	g := run(t, s)
	got := g.send(t, "GET /a", "", "Origin: "+shop)
	if allowHeaders(got.Header) != "Origin: *, Origin: https://backend.example" || strings.Join(got.Header.Values("Vary"), ", ") != "Origin, Accept" {
		t.Errorf("got %v", got.Header)
	}
	if got := g.send(t, "GET /json", "", "Origin: "+shop); allowHeaders(got.Header) != "Origin: *" {
		t.Errorf("got %v", got.Header)
	}
}

func TestPreflightsPassThroughWhenTheyAreToldTo(t *testing.T) {
	s := serviceOf(noop("GET /a", upstream(t, echoURI), "/"))
	s.CORS = &config.CORS{OptionsPassthrough: true}
	s.Router.AutoOptions = true
	got := run(t, s).send(t, "OPTIONS /a", "", preflight(shop, "GET")...)
	if got.StatusCode != 200 || got.Header.Get("Allow") != "GET" || allowHeaders(got.Header) != "Origin: *, Methods: GET" {
		t.Errorf("got %d %v", got.StatusCode, got.Header)
	}
}

// Settled answer 7.
func TestPreflightsAreNeitherCapturedNorGovernedWithCORS(t *testing.T) {
	s := serviceOf(noop("GET /a", upstream(t, echoURI), "/"))
	s.CORS = &config.CORS{AllowOrigins: []string{shop}}
	g, c := governing(t, s, everything)
	for _, origin := range []string{shop, other} {
		if got := g.send(t, "OPTIONS /a", "", preflight(origin, "GET")...); got.StatusCode != 204 {
			t.Errorf("%s: got %d", origin, got.StatusCode)
		}
	}
	got := g.send(t, "GET /a", "", "Origin: "+shop)
	if got.StatusCode != 451 || allowHeaders(got.Header) != "Origin: "+shop { // the page sees why
		t.Errorf("got %d %v", got.StatusCode, got.Header)
	}
	heard(t, c.events, "the event of what is no preflight")
	if n := g.integration.Stats().Captured; n != 1 {
		t.Errorf("%d exchanges are captured", n)
	}
}

// lines is a log to read back.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestCORSDebugTellsWhyAPreflightIsRefused(t *testing.T) {
	for _, debug := range []bool{false, true} {
		var log lines
		s := serviceOf(noop("GET /a", upstream(t, echoURI), "/"))
		s.CORS = &config.CORS{AllowOrigins: []string{shop}, Debug: debug}
		g, err := New(s, Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		if err != nil {
			t.Fatal(err)
		}
		g.Handler().ServeHTTP(&blank{}, &http.Request{Method: "OPTIONS", Header: http.Header{
			"Origin": {other}, "Access-Control-Request-Method": {"GET"},
		}})
		if told := strings.Contains(log.String(), "origin 'https://other.example' not allowed"); told != debug {
			t.Errorf("debug %v: the log is %s", debug, log.String())
		}
		if err := g.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// blank is an answer that nobody reads.
type blank struct{ header http.Header }

func (b *blank) Header() http.Header {
	if b.header == nil {
		b.header = http.Header{}
	}
	return b.header
}
func (b *blank) Write(p []byte) (int, error) { return len(p), nil }
func (b *blank) WriteHeader(int)             {}
