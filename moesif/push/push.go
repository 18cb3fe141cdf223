// Package push delivers the blocks of a queue to a collector: at least once, in
// order, as fast as it takes them, and without losing any while it does not.
package push

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/moesif/queue"
)

// Options say where events go. Zero values take the defaults.
type Options struct {
	URL           string            // base URL of the collector, default https://api.moesif.net
	ApplicationID string            // sent as X-Moesif-Application-Id; required
	UserAgent     string            // default gatemeter
	Transport     http.RoundTripper // default: one of its own
	Concurrency   int               // pushes at a time, default 4; events stay in order with 1
	Debug         bool              // log every push
	Logger        *slog.Logger      // default none
}

// Pusher pushes what a queue holds. Methods are safe for concurrent use.
type Pusher struct {
	q      *queue.Queue
	o      Options
	url    string
	client *http.Client
	gate   *gate

	accepted atomic.Int64 // pushes the collector has taken

	mu     sync.Mutex
	cancel context.CancelFunc // nil until it runs; under mu
	done   chan struct{}      // closed when it does not run any more
}

// New returns a pusher of what q holds. It is an error if the URL is not one of
// a collector, or there is no application id.
func New(o Options, q *queue.Queue) (*Pusher, error) {
	if o.URL == "" {
		o.URL = "https://api.moesif.net"
	}
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, errors.New("push: collector_url is not a URL") // the error would show a password in it
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("push: collector_url must be like https://api.moesif.net (got %q)", u.Redacted())
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
	if o.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = o.Concurrency
		o.Transport = t
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
	}
	// People paste the base with the version as well.
	u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/v1")
	p.url = u.JoinPath("v1/events/batch").String()
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
// on, and again and again until ctx ends. It is an error if events are left.
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
	left := p.q.Stats().Queued
	if left == 0 {
		return nil
	}
	why := p.gate.why()
	switch {
	case why != "":
	case ctx.Err() != nil:
		why = "there was not enough time"
	default:
		why = "the pusher was stopped"
	}
	return fmt.Errorf("push: %d events not delivered: %s", left, why)
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
