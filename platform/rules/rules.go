// Package rules keeps what gateways and SDKs are to enforce: an application's
// configuration and its governance rules. They are edited here, kept in the
// state's database, and served as /v1/config and /v1/rules with the tags that
// tell when they changed; who waits for a change is told at once.
package rules

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/state"
)

// Rules holds the rules and the documents of every application. It is safe for
// concurrent use.
type Rules struct {
	db          *state.DB
	clock       func() time.Time
	memberships Memberships // nil: no rule can name a cohort
	profiles    Profiles    // nil: nobody has values that the rules do not give

	mu       sync.Mutex          // guards the next two
	apps     map[string]*served  // by application
	outdated map[string]struct{} // applications whose documents have old values
	wake     chan struct{}       // holds one when there are some

	trying  chan struct{} // holds one for each dry run that runs
	waiting atomic.Int64  // clients in await

	closeOnce sync.Once
	closed    chan struct{}
}

// Waiting is how many gateways and SDKs wait for a change.
func (r *Rules) Waiting() int64 { return r.waiting.Load() }

// served is what one application serves.
type served struct {
	building  sync.Mutex                // held while documents are made
	documents atomic.Pointer[Documents] // nil before they were asked for
	stale     atomic.Bool               // a change may be stored that could not be put into them
	profiles  changes                   // those that documents may not have
}

// New returns the rules that db holds.
func New(db *state.DB, clock func() time.Time) *Rules {
	return &Rules{
		db: db, clock: clock, apps: map[string]*served{}, outdated: map[string]struct{}{}, wake: make(chan struct{}, 1),
		trying: make(chan struct{}, 2), closed: make(chan struct{}),
	}
}

// Close ends every wait; documents are still served.
func (r *Rules) Close() { r.closeOnce.Do(func() { close(r.closed) }) }

func (r *Rules) of(app string) *served {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.apps[app]
	if s == nil {
		s = &served{}
		r.apps[app] = s
	}
	return s
}

// Of returns the documents of an application. They are made when they are asked
// for the first time, and after each change; meanwhile the ones before are served.
func (r *Rules) Of(ctx context.Context, app access.Application) (*Documents, error) {
	s := r.of(app.ID)
	d := s.documents.Load()
	switch {
	case d == nil:
		s.building.Lock()
	case !s.stale.Load() || !s.building.TryLock():
		return d, nil
	}
	defer s.building.Unlock()
	if d = s.documents.Load(); d != nil && !s.stale.Load() {
		return d, nil // somebody else made them
	}
	made, err := r.refresh(ctx, app, s)
	if err == nil || d == nil {
		return made, err
	}
	return d, nil // older rules are better than none; who made the change was told
}

// edit runs one change and serves what came of it. If only the latter fails, Of
// tries again.
func (r *Rules) edit(ctx context.Context, app access.Application, fn func(tx *sql.Tx) error) error {
	if err := r.db.Write(ctx, fn); err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	s := r.of(app.ID)
	s.building.Lock()
	defer s.building.Unlock()
	_, err := r.refresh(ctx, app, s)
	return err
}

// refresh makes the documents of what is stored now, and wakes who waits if they
// are others than before. It goes on when ctx ends: what was stored is served.
// The caller holds s.building, so that the latest wins.
func (r *Rules) refresh(ctx context.Context, app access.Application, s *served) (d *Documents, err error) {
	defer func() { s.stale.Store(err != nil) }()
	before := s.documents.Load()
	in, err := r.read(context.WithoutCancel(ctx), app.ID, before)
	if err != nil {
		return nil, fmt.Errorf("rules: %s: %w", app.ID, err)
	}
	if d, err = build(app, in, before); err != nil {
		return nil, fmt.Errorf("rules: %s: %w", app.ID, err)
	}
	s.install(d)
	for kind, then := range d.profiles {
		if s.profiles.of(kind).Load() != then {
			r.later(app.ID) // they changed meanwhile, and nobody knew that it matters
		}
	}
	return d, nil
}

// install serves d from now on. When it says the same as the documents before, nobody
// is woken.
func (s *served) install(d *Documents) {
	before := s.documents.Load()
	same := before != nil && before.Tags == d.Tags
	if same {
		d.replaced = before.replaced
	}
	s.documents.Store(d)
	if before != nil && !same {
		close(before.replaced)
	}
}
