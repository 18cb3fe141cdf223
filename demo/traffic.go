package demo

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Traffic is the demo's customers, calling the gateway over HTTP like anyone else.
type Traffic struct {
	Gateway string // its URL, without a trailing slash
	Client  *http.Client
	Start   time.Time

	calls, unanswered atomic.Int64
}

// Run lets every customer call until ctx ends, and returns when the last call is over.
func (t *Traffic) Run(ctx context.Context) {
	var wait sync.WaitGroup
	for _, c := range Customers() {
		wait.Go(func() { t.live(ctx, c) })
	}
	wait.Wait()
}

// Calls returns how many calls were made so far, and how many of them got no answer.
func (t *Traffic) Calls() (made, unanswered int64) {
	return t.calls.Load(), t.unanswered.Load()
}

func (t *Traffic) live(ctx context.Context, c Customer) {
	r := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) // made-up traffic needs no secret
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		now := time.Now()
		at, calls := c.next(now, t.Start, 1, r)
		timer.Reset(at.Sub(now))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if calls {
			t.call(ctx, c, choose(c, r), r)
		}
	}
}

func (t *Traffic) call(ctx context.Context, c Customer, k call, r *rand.Rand) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var body io.Reader
	if k.body != nil {
		body = strings.NewReader(k.body(c, r))
	}
	req, err := http.NewRequestWithContext(ctx, k.method, t.Gateway+k.target(c, r), body)
	if err != nil {
		t.unanswered.Add(1)
		return
	}
	req.Header = k.headers(c)
	t.calls.Add(1)
	resp, err := t.Client.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			t.unanswered.Add(1)
		}
		return
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil && ctx.Err() == nil {
		t.unanswered.Add(1)
	}
}
