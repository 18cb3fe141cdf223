package platform

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/management"
	"github.com/gatemeter/gatemeter/web"
)

// mux serves the collector, the console and its API, and what machines ask.
func (p *Platform) mux(collector, console http.Handler, metrics *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/v1/", collector)
	mux.Handle("/health/probe", collector)
	mux.Handle("/api/", console)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", p.ready)
	mux.Handle("GET /metrics", p.gate.Sessions(p.private(promhttp.HandlerFor(metrics, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))))
	mux.Handle("GET /embed/{token}", web.Framed(p.framers))
	mux.Handle("/", web.Handler())
	return secure(mux)
}

// byPath serves below /v1/ what Moesif has two hosts for: the collector, and the
// Management API.
func byPath(collector, scripts http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if management.Owns(r.URL.Path) {
			scripts.ServeHTTP(w, r)
			return
		}
		collector.ServeHTTP(w, r)
	})
}

// secure puts on every answer what keeps browsers from misusing it. The console
// sets a policy of its own for its pages; everything else is no page at all.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// framers returns whose pages may show in a frame what a token is good for; a
// token that is worth nothing is said to be so by the page.
func (p *Platform) framers(r *http.Request) []string {
	g, err := p.boards.Open(r.Context(), r.PathValue("token"))
	if err != nil {
		return nil
	}
	return g.Frames
}

// ready answers 200 while requests can be taken and answered.
func (p *Platform) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	if part, err := p.unready(ctx); err != nil {
		p.log.Warn("not ready", "part", part, "error", err)
		plain(w, http.StatusServiceUnavailable, "not ready: "+part+"\n")
		return
	}
	plain(w, http.StatusOK, "ok\n")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the client is gone: nothing to be done
}

// private lets in whoever may see the books, and programs on this machine unless they
// forward for somebody else.
func (p *Platform) private(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !local(r) {
			who, err := p.gate.Identify(r.Context(), r.Header.Get("Authorization"), r.RemoteAddr)
			if err != nil || !who.May(access.ReadApps) {
				w.Header().Set("WWW-Authenticate", `Bearer realm="gatemeter"`)
				plain(w, http.StatusUnauthorized, "send Authorization: Bearer with an API token of scope apps:read, or the administrator's token\n")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func local(r *http.Request) bool {
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "Via", "X-Real-Ip"} {
		if r.Header.Get(header) != "" {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}
