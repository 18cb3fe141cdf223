package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"
	"strconv"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// Listen takes the gateway's port, and those where Prometheus asks. Run does it by
// itself; done before, Addr tells the port that 0 became. The error names the flag
// or key that moves a port which is taken.
func (g *Gateway) Listen(ctx context.Context) error {
	if g.listener != nil {
		return nil
	}
	var listen net.ListenConfig
	address := net.JoinHostPort(g.service.ListenIP, strconv.Itoa(g.service.Port))
	l, err := listen.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("port: %w: choose another with -p", err)
	}
	if address := metricsAddress(g.service); address != "" {
		if g.metricsListener, err = listen.Listen(ctx, "tcp", address); err != nil {
			_ = l.Close()
			return fmt.Errorf("telemetry/metrics.listen_address: %w: choose another, or remove the block", err)
		}
	}
	if err := g.listenForScrapes(ctx); err != nil {
		_ = l.Close()
		if g.metricsListener != nil {
			_ = g.metricsListener.Close()
		}
		return err
	}
	if err := g.listenForRevocations(ctx); err != nil {
		for _, l := range append(g.scrapeListeners, l, g.metricsListener) {
			if l != nil {
				_ = l.Close()
			}
		}
		return err
	}
	g.listener = l
	return nil
}

// Addr is where the gateway listens, "" before Listen.
func (g *Gateway) Addr() string {
	if g.listener == nil {
		return ""
	}
	return g.listener.Addr().String()
}

// MetricsAddr is where the telemetry/metrics listener listens, "" when there is none.
func (g *Gateway) MetricsAddr() string {
	if g.metricsListener == nil {
		return ""
	}
	return g.metricsListener.Addr().String()
}

// serveMetrics serves the metrics listener, if there is one, until stop is called.
func (g *Gateway) serveMetrics(failed chan<- error) (stop func()) {
	if g.metricsListener == nil {
		return func() {}
	}
	return serveAside(g.metricsListener, g.newestMetrics, "metrics", failed)
}

// serveAside serves what is told to the operator until stop is called.
func serveAside(l net.Listener, answer http.HandlerFunc, what string, failed chan<- error) (stop func()) {
	server := &http.Server{Handler: answer, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); err != http.ErrServerClosed { //nolint:errorlint // documented to be that very value
			failed <- fmt.Errorf("serving %s: %w", what, err)
		}
	}()
	return func() {
		_ = server.Close()
		<-done
	}
}

// headerPatience bounds how long a client takes for a request's headers where
// neither read_header_timeout nor read_timeout says it. KrakenD waits for ever, so
// that a client which sends a byte now and then holds a connection; a minute is what
// other servers give.
const headerPatience = time.Minute

func headerTimeout(s *config.Service) time.Duration {
	if s.ReadHeaderTimeout == 0 && s.ReadTimeout == 0 {
		return headerPatience
	}
	return s.ReadHeaderTimeout // 0: read_timeout counts
}

func (g *Gateway) newServer() (*http.Server, error) {
	s := g.service
	server := &http.Server{
		ReadTimeout:       s.ReadTimeout,
		ReadHeaderTimeout: headerTimeout(s),
		WriteTimeout:      s.WriteTimeout,
		IdleTimeout:       s.IdleTimeout,
		MaxHeaderBytes:    s.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(g.logger.Handler(), slog.LevelDebug),
	}
	if s.UseH2C {
		server.Protocols = new(http.Protocols)
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetHTTP2(true)
		server.Protocols.SetUnencryptedHTTP2(true)
	}
	if s.TLS == nil {
		return server, nil
	}
	c, err := serverTLS(s.TLS)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(c.NextProtos, "h2") {
		server.Protocols = new(http.Protocols)
		server.Protocols.SetHTTP1(true)
	}
	g.tls = c
	server.TLSConfig = c.Clone()
	server.TLSConfig.GetConfigForClient = g.newestTLS
	return server, nil
}

// nobody are the proxies to trust where no header is believed: an address that no
// peer has.
var nobody = []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 32)}

// prefixes reads router.trusted_proxies: addresses and networks.
func prefixes(list []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for i, text := range list {
		if ip, err := netip.ParseAddr(text); err == nil {
			all = append(all, netip.PrefixFrom(ip, ip.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("router.trusted_proxies[%d]: neither an address nor a network: %q", i, text)
		}
		all = append(all, p)
	}
	return all, nil
}

func canonical(names []string) []string {
	var all []string
	for _, name := range names {
		all = append(all, textproto.CanonicalMIMEHeaderKey(name))
	}
	return all
}
