package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// serve is one of the processes around the gateway: the upstream, the collector,
// or the reverse proxy it is compared with.
func serve(ctx context.Context, args []string) error {
	var h http.Handler
	switch args[0] {
	case "upstream":
		h = upstream()
	case "collector":
		h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err == nil {
				w.WriteHeader(http.StatusCreated)
			}
		})
	case "reverseproxy":
		target, err := url.Parse(args[1])
		if err != nil {
			return err
		}
		h = reverseProxy(target)
	default:
		return fmt.Errorf("unknown role %q", args[0])
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // lives as long as the process
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}

func upstream() http.Handler {
	body := []byte(`{"orders":[` + strings.Repeat(`{"id":1001,"sku":"AB-20","quantity":2,"price":"19.90"},`, 18) + `{}]}`)
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
}

func reverseProxy(target *url.URL) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded() },
		Transport:  &http.Transport{MaxIdleConnsPerHost: 250},
		BufferPool: &buffers{},
	}
}

type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(p []byte) { b.pool.Put(&p) }
