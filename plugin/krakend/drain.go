package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/moesif"
)

// drain delivers what is queued when the host shuts down.
//
// KrakenD ends the plugins' context at the start of its shutdown, waits for the
// requests that are open, and exits: nothing calls a plugin at the end of that
// (KrakenD v3, 1.9). But http.Server.Shutdown waits for every Serve to return. So
// the plugin lets the host's server serve one listener more, which never has a
// connection, and which returns when the queue is empty or drain_timeout has passed.
type drain struct {
	in      *moesif.Integration
	timeout time.Duration // drain_timeout, from the end of the context
	logger  *slog.Logger

	open atomic.Int64    // requests
	hold sync.Once       // for the listener
	stop func()          // ends over
	over <-chan struct{} // closed when the host shuts down
	done chan struct{}   // closed when everything is delivered or given up
}

// flushEvery is how often a shutdown pushes what has arrived, and looks whether
// there is more to wait for.
const flushEvery = 20 * time.Millisecond

// settle is how long a shutdown waits for the queue to be empty before it takes no
// more events: connections that were kept alive may each bring a last request.
const settle = 500 * time.Millisecond

func newDrain(ctx context.Context, in *moesif.Integration, timeout time.Duration, logger *slog.Logger) *drain {
	ctx, stop := context.WithCancel(ctx)
	d := &drain{in: in, timeout: timeout, logger: logger, stop: stop, over: ctx.Done(), done: make(chan struct{})}
	go d.run()
	return d
}

// begin counts a request that is open.
func (d *drain) begin(r *http.Request) {
	d.open.Add(1)
	d.hold.Do(func() {
		if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok {
			d.holdShutdown(server)
		}
	})
}

// holdShutdown returns when server's Shutdown waits for d, or has begun already.
func (d *drain) holdShutdown(server *http.Server) {
	holds := make(chan struct{})
	l := held{d, sync.OnceFunc(func() { close(holds) })}
	go func() {
		_ = server.Serve(l) // always an error, at the end
		l.holds()
	}()
	<-holds
}

// end counts a request that is answered.
func (d *drain) end() { d.open.Add(-1) }

// run waits for the shutdown, and delivers: first while requests are open, then
// what is left, for drain_timeout in all.
func (d *drain) run() {
	defer close(d.done)
	<-d.over
	began := time.Now()
	ctx, cancel := context.WithDeadline(context.Background(), began.Add(d.timeout))
	defer cancel()
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for d.waits(time.Since(began)) {
		d.in.Flush()
		<-tick.C
	}
	if err := d.in.Close(ctx); err != nil {
		d.logger.Error("events were left undelivered", "error", err)
		return
	}
	d.logger.Info("stopped, everything is delivered", "events", d.in.Stats().Sent)
}

// waits reports whether more events may come. Half of the time is kept for those
// that are there, which Close pushes without regard to pauses.
func (d *drain) waits(passed time.Duration) bool {
	if d.open.Load() > 0 {
		return passed < d.timeout/2
	}
	return d.in.Stats().Queued > 0 && passed < min(settle, d.timeout/2)
}

// held is a listener that holds the host's shutdown until d is done.
type held struct {
	d     *drain
	holds func() // says that the server knows of the listener
}

var _ net.Listener = held{}

// Accept is called by the server when it has noted the listener. It returns when
// everything is delivered or given up.
func (h held) Accept() (net.Conn, error) {
	h.holds()
	<-h.d.done
	return nil, net.ErrClosed
}

// Close is called by the server when it shuts down. It does not wait.
func (h held) Close() error {
	h.d.stop()
	return nil
}

// Addr is that of no network.
func (h held) Addr() net.Addr { return &net.UnixAddr{Name: name} }
