package policy

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/gatemeter/gatemeter/moesif"
)

// Set are expressions of one place and phase, all of which must hold, and what is
// answered when one does not.
type Set struct {
	Checks      []*Check
	Status      int    // 100 to 599
	Body        string // "": Aborted's own words
	ContentType string // of Body
	WithRequest bool   // what is about answers sees their requests, too
	Debug       string // its name in the log, where what comes of it is told; "": it is not
}

// Aborted says that an expression of a Set stopped a call.
type Aborted struct {
	*Set
	Number int // of the expression, from 0 among those of its place and phase
}

// Error implements error, in KrakenD's words unless the set has its own.
func (a *Aborted) Error() string {
	if a.Body != "" {
		return a.Body
	}
	return fmt.Sprintf("request aborted by evaluator #%d", a.Number)
}

// Plain keeps the call's address out of the message.
func (*Aborted) Plain() {}

// Request asks about a request; nil when all expressions hold.
func (s *Set) Request(logger *slog.Logger, r *moesif.Subject) *Aborted {
	return s.first(logger, func(c *Check) bool { return c.Pass(r) })
}

// Answer asks about an answer; nil when all expressions hold. r is its request, nil
// where expressions don't see it.
func (s *Set) Answer(logger *slog.Logger, r *moesif.Subject, a *Answer) *Aborted {
	return s.first(logger, func(c *Check) bool { return c.PassAnswer(r, a) })
}

func (s *Set) first(logger *slog.Logger, holds func(*Check) bool) *Aborted {
	for i, c := range s.Checks {
		held := holds(c)
		if s.Debug != "" {
			// Neither the expression nor what it is about: both may hold secrets.
			logger.Info("policy asked", "policies", s.Debug, "number", i, "held", held)
		}
		if !held {
			return &Aborted{Set: s, Number: i}
		}
	}
	return nil
}

type requestKey struct{}

// WithRequest keeps r for those who ask about its answer.
func WithRequest(ctx context.Context, r *moesif.Subject) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// RequestOf is what WithRequest kept; nil when nothing was.
func RequestOf(ctx context.Context) *moesif.Subject {
	r, _ := ctx.Value(requestKey{}).(*moesif.Subject)
	return r
}
