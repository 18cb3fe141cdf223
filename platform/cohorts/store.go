package cohorts

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/platform/customers"
	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/state"
	"golang.org/x/sync/semaphore"
)

//go:embed queries.sql
var queriesFile string

var queries = state.ParseQueries(queriesFile)

// EventStore tells what customers did; *events.Store does.
type EventStore interface {
	Behave(ctx context.Context, app, by string, selections []events.Behaviour, each func(id string, of []events.Behaved) error) error
}

var _ EventStore = (*events.Store)(nil)

// Options are the parts a Store stands on; all are required.
type Options struct {
	State     *state.DB
	Events    EventStore
	Customers *customers.Store
	Clock     func() time.Time
	Logger    *slog.Logger
}

// Store keeps the cohorts of every application. It is safe for concurrent use.
type Store struct {
	Options
	previews   *semaphore.Weighted
	evaluating sync.Mutex // held while members are found and written
	wake       chan struct{}

	mu        sync.Mutex
	plans     map[string]*plan                  // by cohort id; guarded by mu
	listeners []func(app string, cohort string) // guarded by mu
	forgotten time.Time                         // when old changes were deleted; guarded by mu
}

// Open returns the cohorts that are kept; Run finds their members anew as things
// happen.
func Open(ctx context.Context, o Options) (*Store, error) {
	s := &Store{Options: o, previews: semaphore.NewWeighted(maxPreviews), wake: make(chan struct{}, 1), plans: map[string]*plan{}}
	list, err := s.read(ctx, "", "")
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		s.plans[c.ID] = newPlan(c) // what happened while nobody looked is found at once
	}
	return s, nil
}

// Listen adds somebody who is told, soon after it is stored, that the members of
// a cohort changed or that it is gone. f is called by who evaluates or edits: it
// must be quick. What changed is in ChangesAfter.
func (s *Store) Listen(f func(app, cohort string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, f)
}

func (s *Store) tell(app, cohort string) {
	s.mu.Lock()
	listeners := s.listeners
	s.mu.Unlock()
	for _, f := range listeners {
		f(app, cohort)
	}
}

// Create adds a cohort and finds its members. An *InvalidError says what is wrong
// with d. When only the members could not be found, Run goes on trying.
func (s *Store) Create(ctx context.Context, app string, d Draft) (Cohort, error) {
	d, err := checked(d)
	if err != nil {
		return Cohort{}, err
	}
	id := newID()
	criteria, err := json.Marshal(d.Criteria)
	if err != nil {
		return Cohort{}, err
	}
	err = s.State.Write(ctx, func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, queries.Get("count"), app).Scan(&n); err != nil {
			return err
		}
		if n >= MaxCohorts {
			return &InvalidError{[]Problem{{"", fmt.Sprintf("an application can have %d cohorts: delete one first", MaxCohorts)}}}
		}
		_, err := tx.ExecContext(ctx, queries.Get("add"), app, id, d.Name, d.Kind, string(criteria), s.now().UnixMicro())
		return err
	})
	if err != nil {
		return Cohort{}, fmt.Errorf("cohorts: %w", err)
	}
	return s.edited(ctx, app, id)
}

// Replace puts d in the place of the cohort with this id. Members are found anew
// when the criteria are others; otherwise it is like Create.
func (s *Store) Replace(ctx context.Context, app, id string, d Draft) (Cohort, error) {
	d, err := checked(d)
	if err != nil {
		return Cohort{}, err
	}
	before, err := s.Cohort(ctx, app, id)
	if err != nil {
		return Cohort{}, err
	}
	if before.Kind != d.Kind {
		return Cohort{}, ErrKind
	}
	criteria, err := json.Marshal(d.Criteria)
	if err != nil {
		return Cohort{}, err
	}
	name, args := "change", []any{app, id, d.Name, string(criteria), s.now().UnixMicro()}
	same := reflect.DeepEqual(before.Criteria, d.Criteria)
	if same {
		name, args = "rename", []any{app, id, d.Name, s.now().UnixMicro()}
	}
	err = s.State.Write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, queries.Get(name), args...)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return cmp.Or(err, ErrNotFound)
		}
		return nil
	})
	if err != nil {
		return Cohort{}, fmt.Errorf("cohorts: %w", err)
	}
	if same {
		return s.Cohort(ctx, app, id)
	}
	return s.edited(ctx, app, id)
}

// edited evaluates a cohort that was just stored.
func (s *Store) edited(ctx context.Context, app, id string) (Cohort, error) {
	c, err := s.Cohort(ctx, app, id)
	if err != nil {
		return c, err
	}
	s.mu.Lock()
	s.plans[id] = newPlan(c)
	s.mu.Unlock()
	if err := s.evaluate(ctx, app, id); err != nil {
		s.Logger.Warn("the members of a cohort could not be found yet", "cohort", id, "error", err)
		s.nudge()
		return c, nil
	}
	return s.Cohort(ctx, app, id)
}

// Delete removes a cohort with its members and its history, or answers ErrNotFound.
func (s *Store) Delete(ctx context.Context, app, id string) error {
	err := s.State.Write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, queries.Get("delete"), app, id)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return cmp.Or(err, ErrNotFound)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cohorts: %w", err)
	}
	s.mu.Lock()
	delete(s.plans, id)
	s.mu.Unlock()
	s.tell(app, id)
	return nil
}

// List returns the cohorts of an application, the oldest first.
func (s *Store) List(ctx context.Context, app string) ([]Cohort, error) {
	if app == "" {
		return nil, ErrNotFound
	}
	return s.read(ctx, app, "")
}

// Cohort returns one cohort, or ErrNotFound.
func (s *Store) Cohort(ctx context.Context, app, id string) (Cohort, error) {
	if app == "" || id == "" {
		return Cohort{}, ErrNotFound
	}
	list, err := s.read(ctx, app, id)
	if err != nil || len(list) == 0 {
		return Cohort{}, errors.Join(ErrNotFound, err)
	}
	return list[0], nil
}

func (s *Store) read(ctx context.Context, app, id string) (list []Cohort, err error) {
	err = s.query(ctx, "cohorts", []any{app, id}, func(rows *sql.Rows) error {
		var c Cohort
		var criteria []byte
		var created, updated int64
		err := rows.Scan(&c.number, &c.App, &c.ID, &c.Name, &c.Kind, &criteria, &c.Members, &c.Revision, &c.version, &c.evaluated, &created, &updated)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(criteria, &c.Criteria); err != nil {
			return fmt.Errorf("cohort %s: %w", c.ID, err)
		}
		c.CreatedAt, c.UpdatedAt, c.EvaluatedAt = micros(created), micros(updated), s.evaluatedAt(c.ID)
		list = append(list, c)
		return nil
	})
	return list, err
}

func (s *Store) query(ctx context.Context, name string, args []any, scan func(*sql.Rows) error) (err error) {
	rows, err := s.State.Reader().QueryContext(ctx, queries.Get(name), args...)
	if err != nil {
		return fmt.Errorf("cohorts: %s: %w", name, err)
	}
	defer func() {
		if err = errors.Join(err, rows.Close()); err != nil {
			err = fmt.Errorf("cohorts: %s: %w", name, err)
		}
	}()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (s *Store) now() time.Time { return s.Clock().UTC().Truncate(time.Microsecond) }

func micros(us int64) time.Time { return time.UnixMicro(us).UTC() }

func newID() string {
	var id [12]byte
	_, _ = rand.Read(id[:]) // never fails
	return "co_" + hex.EncodeToString(id[:])
}
