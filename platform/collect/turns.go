package collect

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// maxTurnWait bounds how long a body waits to be read as items. SDKs give up after
	// 5 to 10 seconds, and some lose what is refused (Moesif wire, 1.6): a short wait
	// saves that. Who would wait longer is told to come again.
	maxTurnWait = 2 * time.Second
	// maxTurns bounds how many wait, so that their bodies leave memory for the rest.
	maxTurns = 512
)

// errCrowded says that there is more to read than the processors can.
var errCrowded = refusal(http.StatusTooManyRequests, "more is sent than can be read at the moment: send it again")

// turns lets as many bodies be read at once as there are processors, in the order
// of their arrival: all at once, each would take as long as all of them, and the
// loader would wait behind them.
type turns struct {
	reading *semaphore.Weighted
	waiting *semaphore.Weighted
	wait    time.Duration
}

func newTurns() *turns {
	return &turns{
		reading: semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0))),
		waiting: semaphore.NewWeighted(maxTurns),
		wait:    maxTurnWait,
	}
}

// turn is one body's. It belongs to the request's goroutine.
type turn struct{ of *turns }

// take waits for a turn, and returns errCrowded when that takes too long.
func (t *turns) take(ctx context.Context) (*turn, error) {
	if t.reading.TryAcquire(1) {
		return &turn{t}, nil
	}
	if !t.waiting.TryAcquire(1) {
		return nil, errCrowded
	}
	defer t.waiting.Release(1)
	waiting, cancel := context.WithTimeout(ctx, t.wait)
	defer cancel()
	if t.reading.Acquire(waiting, 1) == nil {
		return &turn{t}, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err // the client is gone
	}
	return nil, errCrowded
}

// end lets the next one read; ending again does nothing.
func (t *turn) end() {
	if t != nil && t.of != nil {
		t.of.reading.Release(1)
		t.of = nil
	}
}
