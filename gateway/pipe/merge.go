package pipe

import (
	"context"
	"errors"
	"log/slog"
	"maps"
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
	var sum merged
	for range p.parts {
		o := <-arrived
		sum.add(o.answer, o.err)
	}
	return sum.result(len(p.parts))
}

// merged is what has arrived of several answers.
type merged struct {
	data     map[string]any
	answers  int
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
	m.answers++
	if answer.Data != nil && !answer.Failed && err == nil {
		m.complete++ // a null is no data
	}
	if m.data == nil {
		m.data = answer.Data
		return
	}
	maps.Copy(m.data, answer.Data)
}

// result is the answer of all parts, whose number is of; with an error beside it when
// some failed, and without an answer when all did.
func (m *merged) result(of int) (*backend.Answer, error) {
	var err error
	if len(m.failures) > 0 {
		err = m.failures
	}
	if m.answers == 0 {
		return nil, err
	}
	if m.data == nil {
		m.data = map[string]any{}
	}
	return &backend.Answer{Data: m.data, Failed: m.complete < of}, err
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
