package pipe

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/gateway/backend"
)

const (
	// maxShadows bounds the calls of a gateway that run in the background. One more
	// is left out: shadows must not take what clients wait for.
	maxShadows = 512
	// tellShadows is how often, at most, the log says that calls were left out.
	tellShadows = time.Minute
)

// Shadows are the calls of a gateway that nobody waits for.
type Shadows struct {
	logger  *slog.Logger
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	mu      sync.Mutex // of all below
	closed  bool
	running sync.WaitGroup
	count   int // running
	left    int // left out since the log was told
	told    time.Time
}

// NewShadows is ready for calls, until Close.
func NewShadows(logger *slog.Logger) *Shadows {
	s := &Shadows{logger: logger}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Close cancels all calls and waits for their ends; none begins afterwards.
func (s *Shadows) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.running.Wait()
}

// begin makes room for a call; false when there is none.
func (s *Shadows) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.count >= maxShadows {
		s.left++
		if now := time.Now(); now.Sub(s.told) >= tellShadows {
			s.logger.Warn("shadow backends are too slow: calls to them were left out", "running", s.count, "left_out", s.left)
			s.told, s.left = now, 0
		}
		return false
	}
	s.count++
	s.running.Add(1)
	return true
}

func (s *Shadows) end() {
	s.mu.Lock()
	s.count--
	s.mu.Unlock()
	s.running.Done()
}

// shadow is a backend that gets the requests of an endpoint, and whose answers nobody
// sees (KrakenD v3, 1.7).
type shadow struct {
	part
	name    string // the endpoint's, for the log
	timeout time.Duration
	shadows *Shadows
}

// call makes one call with c, which it owns, in the background. The values of ctx
// stay; its end does not count.
func (s *shadow) call(ctx context.Context, c *backend.Call) {
	if !s.shadows.begin() {
		return
	}
	go func() {
		defer s.shadows.end()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
		defer cancel()
		defer context.AfterFunc(s.shadows.ctx, cancel)()
		answer, err := guarded(ctx, &s.part, c, s.shadows.logger)
		if err != nil {
			s.shadows.logger.Debug("shadow backend failed", "endpoint", s.name, "error", err)
			return
		}
		answer.Release()
	}()
}
