//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// serve is one of the processes around the gateway: the upstream, the collector,
// or the reverse proxy it is compared with. args are its role, and what that needs
// to know. It prints its address.
func serve(ctx context.Context, args []string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // lives as long as the process
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = l.Close() })
	fmt.Println(l.Addr())
	switch role, argument := args[0], args[1]; role {
	case "upstream":
		items, err := strconv.Atoi(argument)
		if err != nil {
			return fmt.Errorf("serve upstream: items of an answer: %w", err)
		}
		return serveAnswers(l, items)
	case "collector":
		customers, err := strconv.Atoi(argument)
		if err != nil {
			return fmt.Errorf("serve collector: number of customers: %w", err)
		}
		c, err := newCollector(customers)
		if err != nil {
			return err
		}
		return serveHTTP(l, c)
	case "reverseproxy":
		return serveHTTP(l, reverseProxy(&url.URL{Scheme: "http", Host: argument}))
	default:
		return fmt.Errorf("serve: unknown role %q", role)
	}
}

func serveHTTP(l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	if err := server.Serve(l); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// reverseProxy is the standard library's, set up well.
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
