package gateway

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

func shadow(timeout time.Duration) func(*config.Backend) {
	return func(b *config.Backend) { b.Proxy = config.BackendProxy{Shadow: true, ShadowTimeout: timeout} }
}

func TestShadowsGetTheRequestAndChangeNothing(t *testing.T) {
	heardOf := make(chan string, 10)
	go1 := make(chan struct{})
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/a" {
			says(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		<-go1 // the client has its answer by then
		heardOf <- r.Method + " " + r.RequestURI + " " + string(body) + " " + r.Header.Get("X-A")
		w.WriteHeader(http.StatusNotFound)
	})
	g := serving(t, object("POST /a/{id}", host, "/a", also("/shadow/{id}?x=1", shadow(patience)), inputHeaders("X-A"), inputQuery("q"), cacheTTL(time.Minute)),
		object("POST /odd/{id}", host, "/shadow-first/{id}", also("/a"), func(e *config.Endpoint) { shadow(patience)(&e.Backends[0]) }))
	got := g.send(t, "POST /a/7?q=2", "body", "X-A: h")
	got.check(t, "/a", 200, `{"a":1,"both":"a"}`, "true")
	if got.Header.Get("Cache-Control") == "" {
		t.Error("no Cache-Control: the shadow counts")
	}
	go1 <- struct{}{}
	if text := <-heardOf; text != "POST /shadow/7?x=1&q=2 body h" {
		t.Errorf("the shadow got %s", text)
	}
	g.send(t, "POST /odd/8", "b").check(t, "/odd", 200, `{"a":1,"both":"a"}`, "true")
	go1 <- struct{}{}
	if text := <-heardOf; text != "POST /shadow-first/8 b " {
		t.Errorf("the shadow got %s", text)
	}
}

func TestShadowsEndWithTheirTimeoutOrTheGateway(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/a" {
			says(w, r)
			return
		}
		began <- struct{}{}
		<-r.Context().Done()
		ended <- struct{}{}
	})
	g := serving(t, object("GET /soon", host, "/a", also("/shadow", shadow(10*time.Millisecond))),
		object("GET /endpoint", host, "/a", also("/shadow", shadow(0)), timeout(500*time.Millisecond)),
		object("GET /late", host, "/a", also("/shadow", shadow(time.Hour))))
	for _, path := range []string{"/soon", "/endpoint", "/late"} {
		g.send(t, "GET "+path, "").check(t, path, 200, `{"a":1,"both":"a"}`, "true")
		heard(t, began, path)
		if path == "/late" {
			break
		}
		heard(t, ended, path)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		if err := g.stop(); err != nil {
			t.Error(err)
		}
	}()
	heard(t, ended, "the end of the gateway")
	heard(t, stopped, "the gateway's last word")
}

func TestEndpointNeedsABackendThatIsNoShadow(t *testing.T) {
	e := object("GET /a", "http://h", "/", func(e *config.Endpoint) { shadow(0)(&e.Backends[0]) })
	if _, err := New(serviceOf(e), Options{}); err == nil || err.Error() != "endpoints[0].backend: an endpoint needs a backend that is no shadow" {
		t.Errorf("got error %v", err)
	}
}
