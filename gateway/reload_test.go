package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// reload goes on with s.
func (r *running) reload(t *testing.T, s *config.Service) error {
	t.Helper()
	s.ListenIP, s.Port = "127.0.0.1", 0
	return r.Reload(s, Options{Logger: slog.New(slog.DiscardHandler), Version: "1.2.3"})
}

func TestReloadServesTheNewEndpoints(t *testing.T) {
	host := upstream(t, echoURI)
	s := serviceOf(noop("GET /a", host, "/one"), noop("GET /gone", host, "/gone"))
	s.Metrics = &config.Metrics{ListenAddress: "127.0.0.1:0"}
	g := run(t, s)
	answers(t, "before", g.send(t, "GET /a", ""), 200, "/one", "")
	next := serviceOf(noop("GET /a", host, "/two"), noop("GET /new", host, "/new"))
	next.Metrics, next.CORS = s.Metrics, &config.CORS{}
	if err := g.reload(t, next); err != nil {
		t.Fatal(err)
	}
	answers(t, "after", g.send(t, "GET /a", "", "Origin: https://a.example"), 200, "/two", "Access-Control-Allow-Origin: *")
	answers(t, "a new one", g.send(t, "GET /new", ""), 200, "/new", "")
	answers(t, "an old one", g.send(t, "GET /gone", ""), 404, "404 page not found", "")
	resp, err := g.Client.Get("http://" + g.MetricsAddr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || !strings.Contains(string(text), `route="/new"`) || strings.Contains(string(text), `route="/gone"`) {
		t.Errorf("metrics: %s, %v", text, err)
	}
}

func TestReloadRefusesWhatCannotBeServed(t *testing.T) {
	host := upstream(t, echoURI)
	g := serving(t, noop("GET /a", host, "/one"))
	bad := serviceOf(noop("GET /a", host, "/two"))
	bad.ClientTLS.CACerts = []string{"/none.pem"}
	if err := g.reload(t, bad); err == nil || !strings.HasPrefix(err.Error(), "client_tls.ca_certs: ") {
		t.Errorf("got %v", err)
	}
	answers(t, "afterwards", g.send(t, "GET /a", ""), 200, "/one", "")
}

// Requests never stop coming while the configuration changes fifty times, and none
// notices.
func TestReloadDropsNoRequest(t *testing.T) {
	host := upstream(t, echoURI)
	c := newCollector(t)
	service := func(i int) *config.Service {
		s := serviceOf(noop("GET /a", host, fmt.Sprintf("/%d", i)))
		s.Moesif = c.config()
		s.Moesif.BatchSize = 1000
		if i%3 == 0 {
			s.Moesif.LogBody = false // another integration
		}
		return s
	}
	var asked, reported atomic.Int64
	over := make(chan struct{})
	t.Cleanup(func() { close(over) }) // after the gateway has ended
	go func() {
		for {
			select {
			case <-c.events:
				reported.Add(1)
			case <-over:
				return
			}
		}
	}()
	g := run(t, service(0))
	var seen atomic.Value // the latest answer
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				got := g.send(t, "GET /a", "")
				asked.Add(1)
				if got.StatusCode != 200 || !strings.HasPrefix(got.Text, "/") {
					t.Errorf("got %d %q", got.StatusCode, got.Text)
				}
				seen.Store(got.Text)
			}
		})
	}
	for i := range 50 {
		if err := g.reload(t, service(i)); err != nil {
			t.Error(err)
		}
		settles(t, "the new configuration answers", func() bool { return seen.Load() == fmt.Sprintf("/%d", i) })
	}
	close(stop)
	clients.Wait()
	answers(t, "at last", g.send(t, "GET /a", ""), 200, "/49", "")
	if err := g.stop(); err != nil {
		t.Error(err)
	}
	settles(t, "every request is reported once", func() bool { return reported.Load() == asked.Load()+1 })
}

func TestWhatHasBegunEndsAsItBegan(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	slow := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "begun ")
		_ = http.NewResponseController(w).Flush()
		close(reached)
		<-release
		_, _ = io.WriteString(w, "and ended")
	})
	g := serving(t, noop("GET /slow", slow, "/"))
	first := g.live.newest.Load()
	text := make(chan string, 1)
	go func() { text <- g.send(t, "GET /slow", "").Text }()
	heard(t, reached, "the backend's request")
	if err := g.reload(t, serviceOf(noop("GET /other", slow, "/"))); err != nil {
		t.Fatal(err)
	}
	select {
	case <-first.idle:
		t.Error("the first gateway has let go of a request")
	default:
	}
	close(release)
	if got := heard(t, text, "the answer"); got != "begun and ended" {
		t.Errorf("got %q", got)
	}
	heard(t, first.idle, "the end of the first gateway")
}

func TestReloadKeepsAnIntegrationThatIsAsItWas(t *testing.T) {
	c := newCollector(t)
	service := func() *config.Service {
		s := serviceOf(noop("GET /a", upstream(t, echoURI), "/"))
		s.Moesif = c.config()
		return s
	}
	g := run(t, service())
	first := g.live.newest.Load().integration
	if err := g.reload(t, service()); err != nil {
		t.Fatal(err)
	}
	if g.live.newest.Load().integration != first {
		t.Error("it is another one")
	}
	g.send(t, "GET /a", "")
	heard(t, c.events, "the event")
	other := service()
	other.Moesif.ApplicationID = "other"
	if err := g.reload(t, other); err != nil {
		t.Fatal(err)
	}
	if g.live.newest.Load().integration == first {
		t.Error("it is the same one")
	}
	g.send(t, "GET /a", "")
	heard(t, c.events, "the event of the new one")
	other = service()
	other.Router.TrustedProxies = []string{"10.0.0.0/8"}
	if err := g.reload(t, other); err != nil {
		t.Fatal(err)
	}
	g.send(t, "GET /a", "")
	heard(t, c.events, "the event of the third one")
}

func TestReloadLeavesASpoolToItsOwner(t *testing.T) {
	c := newCollector(t)
	s := serviceOf()
	s.Moesif = c.config()
	s.Moesif.SpoolDir = t.TempDir()
	g := run(t, s)
	next := serviceOf()
	next.Moesif = c.config()
	next.Moesif.SpoolDir, next.Moesif.BatchSize = s.Moesif.SpoolDir, 7
	if err := g.reload(t, next); err == nil || !strings.HasPrefix(err.Error(), "telemetry/moesif: ") {
		t.Errorf("got %v", err)
	}
}

func TestReloadRenewsCertificates(t *testing.T) {
	service := func() *config.Service {
		cert, key := certificate(t)
		s := serviceOf()
		s.TLS = &config.TLS{Keys: []config.KeyPair{{PublicKey: cert, PrivateKey: key}}}
		return s
	}
	g := run(t, service())
	presented := func() string {
		conn, err := tls.Dial("tcp", g.Addr(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) // #nosec G402 -- it is looked at
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if p := conn.ConnectionState().NegotiatedProtocol; p != "h2" {
			t.Errorf("speaks %q", p)
		}
		return string(conn.ConnectionState().PeerCertificates[0].Raw)
	}
	before := presented()
	if presented() != before {
		t.Error("it changes by itself")
	}
	if err := g.reload(t, service()); err != nil {
		t.Fatal(err)
	}
	if presented() == before {
		t.Error("the old certificate is presented")
	}
}

func TestKeysThatWaitForARestartAreNamed(t *testing.T) {
	was, is := serviceOf(), serviceOf()
	if keys := changed(was, is); keys != nil {
		t.Errorf("got %v", keys)
	}
	is.Port, is.ListenIP, is.TLS, is.UseH2C, is.MaxHeaderBytes, is.Metrics = 1, "::1", &config.TLS{}, true, 1, &config.Metrics{}
	is.ReadTimeout, is.ReadHeaderTimeout, is.WriteTimeout, is.IdleTimeout = 1, 1, 1, 1
	want := []string{
		"port", "listen_ip", "tls", "use_h2c", "read_timeout", "read_header_timeout", "write_timeout", "idle_timeout", "max_header_bytes", "telemetry/metrics",
	}
	if keys := changed(was, is); !reflect.DeepEqual(keys, want) {
		t.Errorf("got %v", keys)
	}
	was, is = serviceOf(), serviceOf()
	was.Metrics, is.Metrics = &config.Metrics{}, &config.Metrics{ListenAddress: ":8090", HideRouter: true} // the same place
	if keys := changed(was, is); keys != nil {
		t.Errorf("got %v", keys)
	}
}

func TestNoReloadAfterTheEnd(t *testing.T) {
	g := serving(t)
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	if err := g.reload(t, serviceOf()); err == nil {
		t.Error("it goes on")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := g.Close(ctx); err != nil { // once more
		t.Error(err)
	}
}

// A request of the first gateway lasts while the second, which has its integration,
// is replaced by a third with another one.
func TestAnIntegrationOutlivesAllThatUseIt(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	slow := upstream(t, func(http.ResponseWriter, *http.Request) {
		close(reached)
		<-release
	})
	c := newCollector(t)
	service := func(application string) *config.Service {
		s := serviceOf(noop("GET /slow", slow, "/"))
		s.Moesif = c.config()
		s.Moesif.ApplicationID = application
		return s
	}
	g := run(t, service("one"))
	answered := make(chan reply, 1)
	go func() { answered <- g.send(t, "GET /slow", "") }()
	heard(t, reached, "the backend's request")
	for _, application := range []string{"one", "two"} {
		if err := g.reload(t, service(application)); err != nil {
			t.Fatal(err)
		}
	}
	close(release)
	heard(t, answered, "the answer")
	heard(t, c.events, "the event")
}
