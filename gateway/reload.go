package gateway

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// live serves with the newest of the gateways that a process has had. Those before
// it answer what they have begun, and then let go.
type live struct {
	newest atomic.Pointer[generation]

	mu      sync.Mutex     // held by whoever replaces the newest or ends it all
	ending  chan struct{}  // closed when nothing is waited for any longer
	retired sync.WaitGroup // those that have not let go
	left    []error        // of those that have; guarded by lost
	lost    sync.Mutex
}

// generation is one gateway and the requests that it answers.
type generation struct {
	*Gateway
	requests atomic.Int64 // under way
	retired  atomic.Bool
	once     sync.Once
	idle     chan struct{}   // closed when it is retired and answers nothing any more
	gone     chan struct{}   // closed when it is idle, and all before it are gone
	before   <-chan struct{} // gone of the one before; nil: it is the first
}

func newLive(first *Gateway) *live {
	l := &live{ending: make(chan struct{})}
	l.newest.Store(&generation{Gateway: first, idle: make(chan struct{}), gone: make(chan struct{})})
	return l
}

// ServeHTTP implements http.Handler. It takes no lock.
func (l *live) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for {
		g := l.newest.Load()
		g.requests.Add(1)
		if g == l.newest.Load() { // otherwise it may have let go already
			defer g.leave()
			g.handler.ServeHTTP(w, r)
			return
		}
		g.leave()
	}
}

func (g *generation) leave() {
	if g.requests.Add(-1) == 0 && g.retired.Load() {
		g.once.Do(func() { close(g.idle) })
	}
}

// replace makes next the newest. The one before lets go when it is idle, and those
// before it are: they may use what it has got from them.
func (l *live) replace(next *Gateway) {
	before := l.newest.Load()
	l.newest.Store(&generation{Gateway: next, idle: make(chan struct{}), gone: make(chan struct{}), before: before.gone})
	before.retired.Store(true)
	if before.requests.Load() == 0 {
		before.once.Do(func() { close(before.idle) })
	}
	l.retired.Go(func() {
		l.await(before.idle)
		if before.before != nil {
			l.await(before.before)
		}
		close(before.gone)
		ctx, cancel := before.drainTimeout()
		defer cancel()
		if err := before.release(ctx); err != nil {
			l.lost.Lock()
			l.left = append(l.left, err)
			l.lost.Unlock()
		}
	})
}

// await waits for done, or for the end of it all.
func (l *live) await(done <-chan struct{}) {
	select {
	case <-done:
	case <-l.ending:
	}
}

// drainTimeout bounds the delivery of what a retired gateway has queued.
func (g *Gateway) drainTimeout() (context.Context, context.CancelFunc) {
	ctx := context.Background()
	if g.service.Moesif == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, g.service.Moesif.DrainTimeout)
}

// close lets all of them go.
func (l *live) close(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.ending:
	default:
		close(l.ending)
	}
	err := l.newest.Load().release(ctx)
	l.retired.Wait()
	return errors.Join(append(l.left, err)...)
}

// Reload goes on with the configuration s, on the same port and without dropping a
// request: what has begun ends as it began. It may be called while g runs. When s
// can't be served the error says why, and everything stays as it is.
//
// Events, rules and their connections are kept where telemetry/moesif is as it was;
// counts, limits and connections to backends begin anew. Keys of the server itself,
// like port, wait for the next start, and the log says so.
func (g *Gateway) Reload(s *config.Service, o Options) error {
	g.live.mu.Lock()
	defer g.live.mu.Unlock()
	select {
	case <-g.live.ending:
		return errors.New("the gateway is stopping")
	default:
	}
	before := g.live.newest.Load().Gateway
	o.before = before
	if a, b := before.service.Moesif, s.Moesif; a != nil && b != nil && a.SpoolDir != "" && a.SpoolDir == b.SpoolDir && !reflect.DeepEqual(a, b) {
		return errors.New("telemetry/moesif: has changed, and its spool_dir is in use: restart instead")
	}
	next, err := New(s, o)
	if err != nil {
		return err
	}
	before.lent = next.integration != nil && next.integration == before.integration
	for _, key := range changed(g.service, s) {
		next.logger.Warn("a changed key waits for the next start", "key", key)
	}
	g.live.replace(next)
	next.logger.Info("configuration reloaded", "endpoints", len(s.Endpoints))
	return nil
}

// integrationOf is the integration of the gateway before, where one of c would be
// the same.
func integrationOf(before *Gateway, c *moesif.Config, trusted []netip.Prefix) *moesif.Integration {
	if before == nil || before.integration == nil || !reflect.DeepEqual(&before.reporting, c) || !slices.Equal(before.trusted, trusted) {
		return nil
	}
	return before.integration
}

// changed names the keys of the server that a running one does not follow.
func changed(was, is *config.Service) []string {
	var keys []string
	for _, k := range []struct {
		name string
		same bool
	}{
		{"port", was.Port == is.Port},
		{"listen_ip", was.ListenIP == is.ListenIP},
		{"tls", (was.TLS == nil) == (is.TLS == nil)}, // what is in it is followed
		{"use_h2c", was.UseH2C == is.UseH2C},
		{"read_timeout", was.ReadTimeout == is.ReadTimeout},
		{"read_header_timeout", was.ReadHeaderTimeout == is.ReadHeaderTimeout},
		{"write_timeout", was.WriteTimeout == is.WriteTimeout},
		{"idle_timeout", was.IdleTimeout == is.IdleTimeout},
		{"max_header_bytes", was.MaxHeaderBytes == is.MaxHeaderBytes},
		{"telemetry/opentelemetry.exporters.prometheus", slices.Equal(scrapeAddresses(was), scrapeAddresses(is))},
		{"auth/revoker.port", revokerAddress(was) == revokerAddress(is)},
		{"telemetry/metrics", metricsAddress(was) == metricsAddress(is)},
	} {
		if !k.same {
			keys = append(keys, k.name)
		}
	}
	return keys
}

// metricsAddress is where telemetry/metrics listens, "" for nowhere.
func metricsAddress(s *config.Service) string {
	if s.Metrics == nil {
		return ""
	}
	return cmp.Or(s.Metrics.ListenAddress, ":8090")
}

// newestMetrics answers the metrics listener.
func (g *Gateway) newestMetrics(w http.ResponseWriter, r *http.Request) {
	if m := g.live.newest.Load().metricsHandler; m != nil {
		m.ServeHTTP(w, r)
		return
	}
	http.NotFound(w, r)
}
