package pipe

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/gateway/backend"
)

// mergeBudget is the part of an endpoint's timeout that several backends have
// together, in percent (KrakenD v3, 1.7).
const mergeBudget = 85

func percent(d time.Duration, n int64) time.Duration {
	return time.Duration(float64(d) * float64(n) / 100)
}

// parallel asks all parts at once and merges what they say in the order in which it
// arrives: of a key that several have, the last counts.
type parallel struct {
	parts  []source
	budget time.Duration
	logger *slog.Logger
}

// outcome is what came of one part.
type outcome struct {
	answer *backend.Answer
	err    error
}

// fetch implements source. The request's goroutine makes the last call itself.
func (p *parallel) fetch(ctx context.Context, c *backend.Call) (*backend.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, p.budget)
	defer cancel()
	arrived := make(chan outcome, len(p.parts))
	ask := func(s source, c *backend.Call) {
		answer, err := guarded(ctx, s, c, p.logger)
		arrived <- outcome{answer, err}
	}
	last := len(p.parts) - 1
	for _, s := range p.parts[:last] {
		go ask(s, again(c))
	}
	ask(p.parts[last], c)
	sum := merged{answers: make([]*backend.Answer, 0, len(p.parts))}
	for range p.parts {
		o := <-arrived
		sum.add(o.answer, o.err)
	}
	return sum.result(len(p.parts))
}

// merged is what has arrived of several answers, in that order.
type merged struct {
	answers  []*backend.Answer
	complete int
	failures failures
}

func (m *merged) add(answer *backend.Answer, err error) {
	if err != nil {
		m.failures = append(m.failures, err)
	}
	if answer == nil {
		return
	}
	m.answers = append(m.answers, answer)
	if (answer.Data != nil || answer.Raw != nil) && !answer.Failed && err == nil {
		m.complete++ // a null is no data
	}
}

// result is the answer of all parts, whose number is of; with an error beside it when
// some failed, and without an answer when all did.
func (m *merged) result(of int) (*backend.Answer, error) {
	var failed error
	if len(m.failures) > 0 {
		failed = m.failures
	}
	if len(m.answers) == 0 {
		return nil, failed
	}
	sum, err := m.sum()
	if err != nil {
		return nil, err
	}
	sum.Failed = m.complete < of
	return sum, failed
}

// sum has the keys of all answers, which it takes over: of a key that several have,
// the last counts.
func (m *merged) sum() (*backend.Answer, error) {
	if !slices.ContainsFunc(m.answers, func(a *backend.Answer) bool { return a.Raw == nil }) {
		if sum := backend.NewRaw(func(out *bytes.Buffer) bool { return join(out, m.answers) }); sum != nil {
			for _, a := range m.answers {
				a.Release()
			}
			return sum, nil
		}
	}
	data := make(map[string]any)
	for _, a := range m.answers {
		if err := a.Decode(); err != nil {
			return nil, err
		}
		maps.Copy(data, a.Data)
	}
	return &backend.Answer{Data: data}, nil
}

// failures are the errors of several backends. None is handed on as the only
// backend's would be: the client's status is 500 (KrakenD v3, 1.7).
type failures []error

// Error implements error: a line for each.
func (f failures) Error() string {
	lines := make([]string, len(f))
	for i, err := range f {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Is tells what the client is to blame for.
func (f failures) Is(target error) bool {
	if target != backend.ErrDotSegment { //nolint:errorlint // the others are not asked for
		return false
	}
	for _, err := range f {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// reshaped applies an endpoint's flatmap to what its backends have said together. Where
// one of them failed the data stays as it is: chosen, the reference is silent.
type reshaped struct {
	source
	flatmap flatmap
}

// fetch implements source.
func (f *reshaped) fetch(ctx context.Context, c *backend.Call) (*backend.Answer, error) {
	answer, err := f.source.fetch(ctx, c)
	if err == nil {
		f.flatmap.apply(answer.Data)
	}
	return answer, err
}

var (
	_ source = (*parallel)(nil)
	_ source = (*reshaped)(nil)
)
