package gateway

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/pipe"
)

// canned answers every request from memory: what is left is the gateway's own work.
type canned struct{ body string }

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: 200, ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: int64(len(c.body)),
		Header: http.Header{"Content-Type": {"application/json"}, "Date": {"Sun, 22 Nov 2026 10:00:00 GMT"}},
		Body:   io.NopCloser(strings.NewReader(c.body)),
	}, nil
}

// nowhere is a client that reads nothing.
type nowhere struct{ h http.Header }

func (n *nowhere) Header() http.Header         { return n.h }
func (n *nowhere) WriteHeader(int)             {}
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) Flush()                      {}

type copyBuffers struct{ sync.Pool }

func (b *copyBuffers) Get() []byte  { return *b.Pool.Get().(*[]byte) }
func (b *copyBuffers) Put(p []byte) { b.Pool.Put(&p) }

const smallObject = `{"id":"40","name":"Ann Example","tags":["a","b"],"active":true,"balance":12.50}`

// BenchmarkGateway compares the work per request with httputil.ReverseProxy's: one
// parameter, four client headers, an answer of 80 bytes.
func BenchmarkGateway(b *testing.B) {
	target := &url.URL{Scheme: "http", Host: "backend"}
	buffers := &copyBuffers{sync.Pool{New: func() any { p := make([]byte, 32<<10); return &p }}}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded() }, BufferPool: buffers, Transport: canned{smallObject},
	}
	for name, h := range map[string]http.Handler{
		"no-op":        benchHandler(b, noop("GET /user/{id}", "http://backend", "/u/{id}")),
		"no-op all":    benchHandler(b, noop("GET /user/{id}", "http://backend", "/u/{id}", inputHeaders("*"), inputQuery("*"))),
		"json":         benchHandler(b, object("GET /user/{id}", "http://backend", "/u/{id}")),
		"merge of two": benchHandler(b, object("GET /user/{id}", "http://backend", "/u/{id}", also("/v/{id}", func(b *config.Backend) { b.Group = "g" }))),
		"json deny":    benchHandler(b, object("GET /user/{id}", "http://backend", "/u/{id}", func(e *config.Endpoint) { e.Backends[0].Deny = []string{"tags"}; e.Backends[0].Group = "g" })),
		"ReverseProxy": proxy,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			r := httptest.NewRequest(http.MethodGet, "/user/40", nil)
			r.Body = http.NoBody
			for _, h := range []string{"Accept", "Accept-Encoding", "Authorization", "User-Agent"} {
				r.Header.Set(h, "some value")
			}
			ctx, cancel := context.WithCancel(context.Background()) // a server's context can end
			defer cancel()
			r = r.WithContext(ctx)
			w := &nowhere{h: make(http.Header)}
			for b.Loop() {
				clear(w.h)
				h.ServeHTTP(w, r)
			}
		})
	}
}

func benchHandler(b *testing.B, e config.Endpoint) http.Handler {
	g := &Gateway{service: serviceOf(e), logger: slog.New(slog.DiscardHandler)}
	h, err := newHandler(g, &pipe.Options{Transport: canned{smallObject}, Tunnels: &pipe.Tunnels{}, Logger: g.logger})
	if err != nil {
		b.Fatal(err)
	}
	return h
}
