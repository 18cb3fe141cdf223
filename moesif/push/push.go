// Package push delivers the blocks of a queue to a collector: at least once, in
// order, as fast as it takes them, and without losing any while it does not.
package push

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/moesif/queue"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Options say where events go. Zero values take the defaults.
type Options struct {
	URL           string            // base URL of the collector, default https://api.moesif.net
	ApplicationID string            // sent as X-Moesif-Application-Id; required
	UserAgent     string            // default gatemeter
	Transport     http.RoundTripper // default: one of its own
	Concurrency   int               // pushes at a time, default 4; events stay in order with 1
	Debug         bool              // log every push
	// Saw is told the tags on the answers of a collector, "" for one that is
	// not there; it must not wait. Default none.
	Saw    func(configTag, rulesTag string)
	Logger *slog.Logger // default none
}

// Pusher pushes what a queue holds. Methods are safe for concurrent use.
type Pusher struct {
	q      *queue.Queue
	o      Options
	url    string
	client *http.Client
	gate   *gate

	accepted atomic.Int64 // pushes the collector has taken
	unread   atomic.Bool  // a block could not be read

	mu     sync.Mutex
	cancel context.CancelFunc // nil until it runs; under mu
	done   chan struct{}      // closed when it does not run any more
}

// New returns a pusher of what q holds. It is an error if the URL is not one of
// a collector, or there is no application id.
func New(o Options, q *queue.Queue) (*Pusher, error) {
	endpoint, err := wire.CollectorURL(o.URL, "v1/events/batch")
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	if o.ApplicationID == "" {
		return nil, errors.New("push: application_id is missing")
	}
	if o.UserAgent == "" {
		o.UserAgent = "gatemeter"
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 4
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Saw == nil {
		o.Saw = func(string, string) {}
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: o.Concurrency,
			IdleConnTimeout:     90 * time.Second,
			TLSHandshakeTimeout: timeout,
		}
	}
	p := &Pusher{
		q: q,
		o: o,
		client: &http.Client{
			Transport: o.Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // a batch does not go where nobody sent it
			},
		},
		gate: newGate(),
		done: make(chan struct{}),
		url:  endpoint,
	}
	return p, nil
}

// Run pushes until the queue is closed and everything is delivered, or until ctx
// ends: what is under way then goes back to the queue. It runs once.
func (p *Pusher) Run(ctx context.Context) {
	if ctx, first := p.begin(ctx); first {
		p.run(ctx)
	}
}

// Close closes the queue and delivers what it holds: at once, whatever pause was
// on, and again and again until ctx ends. What is left is saved, if the queue has
// a spool. It is an error if events are left, wherever.
func (p *Pusher) Close(ctx context.Context) error {
	p.q.Close()
	deadline, _ := ctx.Deadline()
	p.gate.hurry(deadline)
	if ctx, first := p.begin(ctx); first {
		p.run(ctx)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.mu.Lock()
		p.cancel()
		p.mu.Unlock()
		<-p.done
	}
	saved, err := p.q.Save()
	left := p.q.Stats().Queued
	if left == 0 {
		return err
	}
	why := p.gate.why()
	switch {
	case why != "":
	case ctx.Err() != nil:
		why = "there was not enough time"
	case p.unread.Load():
		why = "they cannot be read"
	default:
		why = "the pusher was stopped"
	}
	why = fmt.Sprintf("push: %d events not delivered: %s", left, why)
	switch {
	case err != nil && saved.Events > 0:
		return fmt.Errorf("%s; %d kept in %s, sent at the next start: %w", why, saved.Events, saved.Dir, err)
	case err != nil:
		return fmt.Errorf("%s: %w", why, err)
	case saved.Events > 0:
		return fmt.Errorf("%s; kept in %s, sent at the next start", why, saved.Dir)
	}
	return errors.New(why)
}

// begin reports whether the caller is the one to run.
func (p *Pusher) begin(ctx context.Context) (context.Context, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cancel != nil {
		return nil, false
	}
	ctx, p.cancel = context.WithCancel(ctx)
	return ctx, true
}

func (p *Pusher) run(ctx context.Context) {
	defer close(p.done)
	defer p.cancel()
	defer p.client.CloseIdleConnections()
	var workers sync.WaitGroup
	for range p.o.Concurrency {
		workers.Go(func() { (&worker{p: p}).work(ctx) })
	}
	workers.Wait()
}

// failed closes the gate, and logs it when that is news.
func (p *Pusher) failed(t *turn, a answer) {
	wait, news := p.gate.fail(t, a)
	if news {
		p.o.Logger.Warn("moesif: "+a.why+"; events wait in the queue", slog.Duration("next_try_in", wait.Round(time.Millisecond)))
	}
}

// taken opens the gate, and logs it when that is news.
func (p *Pusher) taken(t *turn) {
	p.accepted.Add(1)
	if away := p.gate.open(t); away > 0 {
		p.o.Logger.Info("moesif: the collector takes events again", slog.Duration("after", away.Round(time.Millisecond)))
	}
}
