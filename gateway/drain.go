package gateway

import (
	"context"
	"errors"
	"time"
)

const (
	// flushEvery is how often, while requests finish, the events they leave are pushed.
	flushEvery = 250 * time.Millisecond
	// lastPush is what a push after the last request gets, or drain_timeout if that
	// is less, when drain_timeout has passed while that request was waited for.
	lastPush = time.Second
)

// drain ends the gateway: requests under way finish, and meanwhile the queue of
// events is pushed, so that one stream that stays open does not hold it up.
func (g *Gateway) drain(ctx context.Context) {
	last := g.live.newest.Load().Gateway
	deadline := time.Now()
	if last.integration != nil {
		deadline = deadline.Add(last.service.Moesif.DrainTimeout)
	}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		g.shutdown(ctx, last.service.MaxShutdownWaitTime)
	}()
	last.flushUntil(finished, deadline)

	if last.integration != nil {
		deadline = lastDeadline(time.Now(), deadline, last.service.Moesif.DrainTimeout)
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if err := g.Close(ctx); err != nil {
		last.logger.Error("events were left undelivered", "error", err)
	}
	last.logger.Info("stopped")
}

// lastDeadline is when delivery ends, once all requests are answered: at deadline,
// or a push later when that is over or near.
func lastDeadline(now, deadline time.Time, drainTimeout time.Duration) time.Time {
	if last := now.Add(min(lastPush, drainTimeout)); last.After(deadline) {
		return last
	}
	return deadline
}

// shutdown waits for requests under way, max_shutdown_wait_time at most (0: as
// long as they take), then cuts what is left.
func (g *Gateway) shutdown(ctx context.Context, wait time.Duration) {
	cancel := func() {}
	if wait > 0 {
		ctx, cancel = context.WithTimeout(ctx, wait)
	}
	defer cancel()
	err := g.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		g.logger.Warn("requests were cut at max_shutdown_wait_time", "waited", wait)
		err = g.server.Close()
	}
	if err != nil {
		g.logger.Warn("closing the listener", "error", err)
	}
}

// flushUntil keeps pushing events until finished. It tells once when drain_timeout
// has passed and events are still there.
func (g *Gateway) flushUntil(finished <-chan struct{}, deadline time.Time) {
	if g.integration == nil {
		<-finished
		return
	}
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	late := time.NewTimer(time.Until(deadline))
	defer late.Stop()
	for {
		g.integration.Flush()
		select {
		case <-finished:
			return
		case <-late.C:
			if n := g.integration.Stats().Queued; n > 0 {
				g.logger.Error("events are undelivered after drain_timeout, requests are still open", "events", n)
			}
		case <-tick.C:
		}
	}
}
