package auth

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errand fetches something, once for all who wait for it, in a goroutine of its own,
// which goes on when those who wait have left. One that has failed is not run again
// within betweenFetches.
type errand struct {
	keeper *Keeper
	run    func(ctx context.Context) error // ctx ends with fetchTimeout, or the keeper

	mu      sync.Mutex // guards the fields below
	running *fetch     // nil: none
	failed  time.Time  // end of the last run, when it failed; else zero
	err     error      // of that run
}

// fetch is one run.
type fetch struct {
	done chan struct{} // closed at its end
	err  error         // set before
}

var errClosed = errors.New("the gateway has stopped")

// begin starts a run, or joins the one that is on its way.
func (e *errand) begin() *fetch {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running != nil {
		return e.running
	}
	f := &fetch{done: make(chan struct{})}
	if !e.failed.IsZero() && time.Since(e.failed) < betweenFetches {
		f.err = e.err
		close(f.done)
		return f
	}
	begun := e.keeper.begin(func() {
		ctx, cancel := context.WithTimeout(e.keeper.ctx, fetchTimeout)
		defer cancel()
		f.err = e.run(ctx)
		e.mu.Lock()
		e.running, e.failed, e.err = nil, time.Time{}, f.err
		if f.err != nil {
			e.failed = time.Now()
		}
		e.mu.Unlock()
		close(f.done)
	})
	if !begun {
		f.err = errClosed
		close(f.done)
		return f
	}
	e.running = f
	return f
}

// isRunning reports whether begin would join a run.
func (e *errand) isRunning() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.running != nil
}

// wait returns the error of the run, or why ctx has ended before.
func (f *fetch) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
