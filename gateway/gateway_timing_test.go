package gateway

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jws/jwsbb"

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
	rs256, token := issuerRS256(b)
	for name, h := range map[string]http.Handler{
		"no-op":        benchHandler(b, noop("GET /user/{id}", "http://backend", "/u/{id}")),
		"no-op all":    benchHandler(b, noop("GET /user/{id}", "http://backend", "/u/{id}", inputHeaders("*"), inputQuery("*"))),
		"json":         benchHandler(b, object("GET /user/{id}", "http://backend", "/u/{id}")),
		"no-op RS256":  benchHandler(b, noop("GET /user/{id}", "http://backend", "/u/{id}", rs256)),
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
			r.Header.Set("Authorization", "Bearer "+token)          // the same one all the time
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
	g := partsOf(b, serviceOf(e))
	h, err := newHandler(g, &pipe.Options{Transport: canned{smallObject}, Tunnels: &pipe.Tunnels{}, Logger: g.logger})
	if err != nil {
		b.Fatal(err)
	}
	return h
}

// issuerRS256 is a validator with one key, and a token signed with it.
func issuerRS256(b *testing.B) (validator func(*config.Endpoint), token string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	path := filepath.Join(b.TempDir(), "keys.json")
	set := `{"keys":[{"kty":"RSA","kid":"k","e":"AQAB","n":"` + b64(key.N.Bytes()) + `"}]}`
	if err := os.WriteFile(path, []byte(set), 0o600); err != nil {
		b.Fatal(err)
	}
	token = b64([]byte(`{"alg":"RS256","kid":"k"}`)) + "." + b64([]byte(`{"sub":"ann","roles":["user"],"exp":99999999999}`))
	signature, err := jwsbb.Sign(key, "RS256", []byte(token), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	return validated("", func(v *config.Validator) {
		v.Alg, v.JWKLocalPath, v.Roles = "RS256", path, []string{"user"}
		v.Propagate = []config.Propagation{{Claim: "sub", Header: "X-User"}}
	}), token + "." + b64(signature)
}
