package cohorts

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

const (
	// pause is the least time between two evaluations of a cohort.
	pause = 2 * time.Second
	// Windows that slide are looked at when a 360th of them is over.
	slideParts         = 360
	minSlide, maxSlide = 5 * time.Second, time.Minute
	// rest is how many times as long as it worked Run rests, so that evaluating
	// never takes more than a fifth of one core; maxRest bounds it.
	rest    = 4
	maxRest = 30 * time.Second
	// retry is when an evaluation that failed is tried again.
	retry = 15 * time.Second

	forgetEvery = time.Hour
	// keep is for how long changes and sizes are kept.
	keep = 90 * 24 * time.Hour
)

// plan says when a cohort is looked at again.
type plan struct {
	app, kind string
	usage     bool          // calls can change it
	profiles  bool          // profiles can change it
	slide     time.Duration // how often time alone may have changed it; 0: it can not

	dirty       bool      // something happened since began
	began       time.Time // the last evaluation; zero: none yet
	evaluatedAt time.Time // the last one that did not fail
	retryAt     time.Time // after a failure; else zero
}

func newPlan(c Cohort) *plan {
	n := c.Criteria.needs()
	p := &plan{app: c.App, kind: c.Kind, usage: n.usage, profiles: n.profiles || n.subscriptions, dirty: true}
	for _, a := range c.Criteria.attributes() {
		if a.Op == IsNot || a.Op == NotExists || a.Field == fieldID || a.Field == fieldCompany {
			p.usage = true // it can hold for somebody who calls for the first time
			p.profiles = true
		}
	}
	for _, u := range c.Criteria.usages() {
		if !u.slides() {
			continue
		}
		window := time.Duration(u.Hours) * time.Hour
		if window == 0 {
			window = time.Duration(min(u.Value, maxHours) * float64(time.Hour))
		}
		every := min(max(window/slideParts, minSlide), maxSlide)
		if p.slide == 0 || every < p.slide {
			p.slide = every
		}
	}
	return p
}

// due is when the cohort is to be evaluated; zero: not before something happens.
func (p *plan) due() time.Time {
	switch {
	case !p.retryAt.IsZero():
		return p.retryAt
	case p.began.IsZero():
		return time.Unix(0, 0)
	case p.dirty:
		return p.began.Add(pause)
	case p.slide > 0:
		return p.began.Add(p.slide)
	}
	return time.Time{}
}

// Loaded says that calls of an application are in the event store now.
func (s *Store) Loaded(app string) {
	s.touch(func(p *plan) bool { return p.app == app && p.usage })
}

// ProfilesChanged says that profiles of users or companies were merged.
func (s *Store) ProfilesChanged(app, kind string) {
	s.touch(func(p *plan) bool { return p.app == app && p.kind == kind && p.profiles })
}

func (s *Store) touch(concerned func(*plan) bool) {
	s.mu.Lock()
	touched := false
	for _, p := range s.plans {
		if concerned(p) && !p.dirty {
			p.dirty, touched = true, true
		}
	}
	s.mu.Unlock()
	if touched {
		s.nudge()
	}
}

func (s *Store) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// begin notes that a cohort is evaluated from now on, and returns what is to be
// called when it was.
func (s *Store) begin(id string) (done func(error)) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.plans[id]
	if p == nil {
		return func(error) {}
	}
	p.began, p.dirty = now, false
	return func(err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if err != nil {
			p.retryAt = s.now().Add(retry)
			return
		}
		p.retryAt, p.evaluatedAt = time.Time{}, now
	}
}

func (s *Store) evaluatedAt(id string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.plans[id]; p != nil {
		return p.evaluatedAt
	}
	return time.Time{}
}

// Run evaluates cohorts whenever something happened that may have changed them,
// until ctx ends. One Run at a time.
func (s *Store) Run(ctx context.Context) {
	for {
		began := time.Now()
		wait := s.Step(ctx)
		tired := min(rest*time.Since(began), maxRest)
		timer := time.NewTimer(max(wait, tired))
		wake := s.wake
		if tired > wait || tired > pause/2 {
			wake = nil // it rests; what happens meanwhile is not forgotten
		}
		select {
		case <-wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// Step evaluates the cohorts that are due, and returns how long there is nothing
// to do unless something happens.
func (s *Store) Step(ctx context.Context) time.Duration {
	s.forget(ctx)
	for ctx.Err() == nil {
		app, id, due := s.next()
		if id == "" {
			return maxSlide
		}
		if wait := due.Sub(s.now()); wait > 0 {
			return min(wait, maxSlide)
		}
		err := s.evaluate(ctx, app, id)
		switch {
		case err == nil || ctx.Err() != nil:
		case errors.Is(err, ErrNotFound):
			s.mu.Lock()
			delete(s.plans, id)
			s.mu.Unlock()
		case errors.Is(err, errEdited):
			s.Logger.Debug("a cohort was edited while its members were found", "cohort", id)
		default:
			s.Logger.Error("the members of a cohort could not be found and will be tried again", "cohort", id, "error", err, "in", retry)
		}
	}
	return 0
}

// next returns the cohort that is due first; "" when none is.
func (s *Store) next() (app, id string, due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for one, p := range s.plans {
		if at := p.due(); !at.IsZero() && (id == "" || at.Before(due)) {
			app, id, due = p.app, one, at
		}
	}
	return app, id, due
}

// forget deletes what is too old to be kept.
func (s *Store) forget(ctx context.Context) {
	now := s.now()
	s.mu.Lock()
	wait := now.Sub(s.forgotten) < forgetEvery
	if !wait {
		s.forgotten = now
	}
	s.mu.Unlock()
	if wait {
		return
	}
	err := s.State.Write(ctx, func(tx *sql.Tx) error {
		for _, name := range []string{"forget_changes", "forget_sizes"} {
			if _, err := tx.ExecContext(ctx, queries.Get(name), now.Add(-keep).UnixMicro()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		s.Logger.Warn("old changes of cohorts could not be deleted", "error", err)
	}
}
