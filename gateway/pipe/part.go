package pipe

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/gatemeter/gatemeter/gateway/backend"
)

// source gives an endpoint's data. When there are both an answer and an error, the
// answer is partial. The answer belongs to the caller, who may change its data.
type source interface {
	fetch(ctx context.Context, c *backend.Call) (*backend.Answer, error)
}

// part is one backend, with what its answers go through.
type part struct {
	backend *backend.Backend
	shape   shape
	cut     *cut          // what the shape does to Raw answers; nil: they are decoded
	verdict *verdict      // nil: nothing is asked about answers
	post    Post          // nil: nothing changes answers afterwards
	calls   int           // at the same time; the first complete answer counts
	budget  time.Duration // for several calls
}

// fetch implements source.
func (p *part) fetch(ctx context.Context, c *backend.Call) (*backend.Answer, error) {
	if p.calls > 1 {
		return p.race(ctx, c)
	}
	return p.once(ctx, c)
}

func (p *part) once(ctx context.Context, c *backend.Call) (*backend.Answer, error) {
	answer, err := p.shaped(ctx, c)
	if err == nil && p.verdict != nil {
		if err = p.verdict.onData(ctx, answer); err != nil {
			answer.Release()
		}
	}
	switch {
	case err != nil:
		return nil, err
	case p.post != nil:
		return posted(ctx, p.post, answer)
	}
	return answer, nil
}

func (p *part) shaped(ctx context.Context, c *backend.Call) (*backend.Answer, error) {
	answer, err := p.backend.Fetch(ctx, c)
	if err != nil {
		if isSkipped(err) {
			return unasked(), nil
		}
		return nil, err
	}
	if answer.Failed || p.shape.none() {
		return answer, nil
	}
	if p.cut != nil && answer.Raw != nil {
		shaped := backend.NewRaw(func(out *bytes.Buffer) bool { return p.cut.apply(out, answer.Raw) })
		if shaped != nil {
			answer.Release()
			return shaped, nil
		}
	}
	if err := answer.Decode(); err != nil {
		return nil, err
	}
	answer.Data = p.shape.apply(answer.Data)
	return answer, nil
}

// guarded is s.fetch on a goroutine of its own: a panic there would end the process,
// so it becomes an error.
func guarded(ctx context.Context, s source, c *backend.Call, logger *slog.Logger) (answer *backend.Answer, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			logger.Error("a backend's call panicked", "panic", problem, "stack", string(debug.Stack()))
			answer, err = nil, fmt.Errorf("panic: %v", problem)
		}
	}()
	return s.fetch(ctx, c)
}

var _ source = (*part)(nil)
