// Package gateway runs a krakend.json: it serves the endpoints of a configuration
// in front of their backends, with the telemetry/moesif integration around them.
package gateway

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/gatemeter/gatemeter/gateway/auth"
	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/modify"
	"github.com/gatemeter/gatemeter/gateway/pipe"
	"github.com/gatemeter/gatemeter/gateway/security"
	"github.com/gatemeter/gatemeter/gateway/telemetry"
	"github.com/gatemeter/gatemeter/gateway/telemetry/otel"
	"github.com/gatemeter/gatemeter/moesif"
	"github.com/gatemeter/gatemeter/policy"
)

// Options are what a gateway needs besides its configuration. The zero value works.
type Options struct {
	Logger  *slog.Logger // default: as telemetry/logging asks, to standard output
	Version string       // x.y.z, told in X-Krakend and User-Agent
	Access  io.Writer    // of an access log with a format of its own; default: standard output
	before  *Gateway     // that this one replaces

	now func() time.Time // of limits, for tests; nil: time.Now
}

// Gateway serves one configuration. Make it with New, then either Run it, or use
// its Handler and Close it.
type Gateway struct {
	service     *config.Service
	logger      *slog.Logger
	transport   *backend.Transport
	limits      *limits
	own         []*backend.Transport // of backends that don't use the shared one
	tunnels     *pipe.Tunnels
	caches      *modify.Caches
	shadows     *pipe.Shadows
	access      *telemetry.Access // nil: no access log
	calls       *telemetry.Access // of backends; nil: they are not logged
	metrics     *telemetry.Metrics
	telemetry   *otel.Telemetry     // nil: no collector is told anything
	integration *moesif.Integration // nil: the block is not there
	reporting   moesif.Config       // the integration's
	auth        *auth.Keeper
	revoked     *auth.Revoked
	revoker     *auth.Revoker // nil: no token is revoked
	handler     http.Handler
	server      *http.Server

	live           *live // this one, and what replaces it
	lent           bool  // the integration belongs to the next one
	trusted        []netip.Prefix
	tls            *tls.Config  // nil: plain HTTP
	metricsHandler http.Handler // nil: no metrics

	listener, metricsListener net.Listener   // set by Listen
	scrapeListeners           []net.Listener // set by Listen
	revokerListener           net.Listener   // set by Listen; nil: none
}

// New builds the gateway of s, which it keeps. It starts the integration but does
// not listen yet. The error names the key that this build can't serve.
func New(s *config.Service, o Options) (made *Gateway, err error) {
	g := &Gateway{service: s, logger: o.Logger, tunnels: &pipe.Tunnels{}, caches: modify.NewCaches(s)}
	if g.logger == nil {
		g.logger = telemetry.Logger(s.Logging, os.Stdout)
	}
	defer func() {
		if err != nil {
			g.letGo()
		}
	}()
	g.shadows = pipe.NewShadows(g.logger)
	if g.server, err = g.newServer(); err != nil {
		return nil, err
	}
	if g.transport, err = backend.NewTransport(s); err != nil {
		return nil, err
	}
	trusted, err := prefixes(s.Router.TrustedProxies)
	if err != nil {
		return nil, err
	}
	if s.Router.PeersAreClients {
		trusted = nobody
	}
	g.trusted = trusted
	g.auth = auth.NewKeeper(s, g.logger)
	g.revoked = revokedBefore(o.before, o.now)
	g.revoker = auth.NewRevoker(s.Revoker, g.revoked, g.logger)
	g.auth.Ask(g.revoker)
	if s.Metrics != nil {
		g.metrics = telemetry.NewMetrics(g.books())
		g.metrics.HideRouter = s.Metrics.HideRouter
		g.metricsHandler = g.metrics.Handler()
	}
	if g.telemetry, err = newTelemetry(g); err != nil {
		return nil, err
	}
	accessOut := telemetry.OneAtATime(cmp.Or[io.Writer](o.Access, os.Stdout))
	if c := s.Logging.Calls; c != nil {
		g.calls = telemetry.NewAccess(g.logger, *c, accessOut)
	}
	clients := pipe.Clients{Headers: canonical(s.Router.RemoteIPHeaders), Trusted: trusted}
	if g.limits, err = newLimits(g, clients, o.now); err != nil {
		return nil, err
	}
	h, err := newHandler(g, &pipe.Options{
		Transport:      g.transport,
		Around:         g.around,
		Post:           g.post,
		Scripted:       modify.Scripted,
		Signer:         g.auth.Signer,
		Version:        o.Version,
		HideVersion:    s.Router.HideVersionHeader,
		Clients:        clients,
		ReturnErrorMsg: s.Router.ReturnErrorMsg,
		Tunnels:        g.tunnels,
		Shadows:        g.shadows,
		Logger:         g.logger,
	})
	if err != nil {
		return nil, err
	}
	g.handler = h
	if s.CORS != nil {
		g.handler = h.hurried(security.CORS(s.CORS, h, g.logger))
	}
	if s.Moesif != nil {
		g.reporting = masked(*s.Moesif, s)
		if g.integration = integrationOf(o.before, &g.reporting, trusted); g.integration == nil {
			g.integration, err = moesif.New(g.reporting, moesif.Options{
				Logger: g.logger, Compile: policy.Compile, TrustedProxies: trusted, Version: o.Version,
			})
		}
		if err != nil {
			return nil, err
		}
		h.govern = g.integration.Govern
		h.tellParams = s.Moesif.ShouldSkip != ""
		g.handler = g.integration.Capture(g.handler)
	}
	if !s.Router.DisableAccessLog {
		g.access = telemetry.NewAccess(g.logger, s.Logging.Access, accessOut)
		h.access = g.access
	}
	g.live = newLive(g)
	g.server.Handler = g.live
	return g, nil
}

// around compiles what stands between a backend and its transport, the outermost
// last.
func (g *Gateway) around(b *config.Backend, next http.RoundTripper) (http.RoundTripper, error) {
	own, err := backend.NewOwnTransport(g.service, b.Client)
	if err != nil {
		return nil, fmt.Errorf("extra_config.backend/http/client.%w", err)
	}
	if own != nil {
		g.own, next = append(g.own, own), own
	}
	next = g.telemetry.Calls(b.Told, g.calls.Calls(next))
	next = g.auth.WithToken(b, g.transport, next)
	next = modify.Calls(b, g.caches.Before(b, next), g.scripts())
	if next, err = g.limits.around(b, next); err != nil {
		return nil, err
	}
	if b.Lua.ConcernsCalls() {
		next = scriptedCalls{next, b.Lua.SkipNext}
	}
	if next = modify.Questions(b, next); len(b.Propagated) > 0 {
		next = propagated{b.Propagated, next}
	}
	return next, nil
}

// books reads the integration's, where there is one.
func (g *Gateway) books() func() moesif.Stats {
	if g.service.Moesif == nil {
		return nil
	}
	return func() moesif.Stats { return g.integration.Stats() }
}

// Handler serves the configuration's endpoints, for a server other than Run's.
func (g *Gateway) Handler() http.Handler { return g.live }

// Close delivers the events that are queued until ctx ends, and lets go of
// everything else. Run does it by itself. The error says how many events were left.
func (g *Gateway) Close(ctx context.Context) error { return g.live.close(ctx) }

// release is Close for this gateway alone.
func (g *Gateway) release(ctx context.Context) error {
	g.tunnels.Close()
	g.shadows.Close()
	told := g.tellRest(ctx)
	var err error
	if g.integration != nil && !g.lent {
		err = g.integration.Close(ctx)
	}
	told()
	if g.access != nil {
		g.access.Close()
	}
	g.letGo()
	return err
}

// letGo ends what works beside the requests, and closes the connections that are
// not in use. It is for a gateway that was made in part as well.
func (g *Gateway) letGo() {
	g.calls.Close()
	if g.auth != nil {
		g.auth.Close()
	}
	if g.limits != nil {
		g.limits.close()
	}
	ended, end := context.WithCancel(context.Background())
	end()
	g.telemetry.Close(ended) // unless that is done
	if g.transport != nil {
		g.own = append(g.own, g.transport)
	}
	for _, t := range g.own {
		t.CloseIdleConnections()
	}
}

// Run listens, serves until ctx ends, and then lets what has begun finish, within
// max_shutdown_wait_time, while the queue of events is delivered, within
// drain_timeout. Events that could not be delivered are logged, and no error.
func (g *Gateway) Run(ctx context.Context) error {
	if err := g.Listen(ctx); err != nil {
		return errors.Join(err, g.Close(ctx))
	}
	failed := make(chan error, 3+len(g.scrapeListeners))
	go func() { failed <- g.serve() }()
	stopMetrics, stopScrapes := g.serveMetrics(failed), g.serveScrapes(failed)
	stopRevocations := g.serveRevocations(failed)
	g.logger.Info("listening", "address", g.Addr(), "endpoints", len(g.service.Endpoints))

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	g.drain(context.WithoutCancel(ctx))
	stopMetrics()
	stopScrapes()
	stopRevocations()
	return err
}

func (g *Gateway) serve() error {
	var err error
	if g.server.TLSConfig != nil {
		err = g.server.ServeTLS(g.listener, "", "")
	} else {
		err = g.server.Serve(g.listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving %s: %w", g.Addr(), err)
}
