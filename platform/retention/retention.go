// Package retention deletes what an application no longer wants to keep, in small
// steps between which loading goes on.
package retention

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/state"
)

//go:embed queries.sql
var queriesFile string

var queries = state.ParseQueries(queriesFile)

const (
	day = 24 * time.Hour
	// sweepEvery is how often what has become too old is deleted.
	sweepEvery = time.Hour
	// MaxDays bounds each setting.
	MaxDays = 36_500
)

// Settings are how many days data is kept after it happened, 0 for ever. Days are
// whole days of UTC: what happened on day d is deleted once day d + n has ended.
type Settings struct {
	Events  int // events with their bodies, and actions
	Bodies  int // bodies alone; not longer than events
	Rollups int // sums by minute, hour and day; not shorter than events
}

// InvalidError says which setting is wrong, and why.
type InvalidError struct{ Field, Message string }

func (e *InvalidError) Error() string { return e.Field + ": " + e.Message }

// Check returns an *InvalidError if the settings contradict themselves.
func (s Settings) Check() error {
	for _, v := range []struct {
		field string
		days  int
	}{{"events_days", s.Events}, {"bodies_days", s.Bodies}, {"rollups_days", s.Rollups}} {
		if v.days < 0 || v.days > MaxDays {
			return &InvalidError{v.field, fmt.Sprintf("must be 0 (for ever) to %d days (got %d)", MaxDays, v.days)}
		}
	}
	if s.Events > 0 && s.Bodies > s.Events {
		return &InvalidError{"bodies_days", fmt.Sprintf("must not be longer than events_days, since bodies go with their events (got %d and %d)", s.Bodies, s.Events)}
	}
	if s.Rollups > 0 && (s.Events == 0 || s.Rollups < s.Events) {
		return &InvalidError{"rollups_days", fmt.Sprintf("must not be shorter than events_days, since the sums outlive the events (got %d and %d)", s.Rollups, s.Events)}
	}
	return nil
}

// cut is what the settings do not keep at a time.
func (s Settings) cut(app string, now time.Time) events.Cut {
	before := func(days int) time.Time {
		if days == 0 {
			return time.Time{}
		}
		return now.UTC().Truncate(day).Add(-time.Duration(days) * day)
	}
	return events.Cut{App: app, Events: before(s.Events), Bodies: before(s.Bodies), Rollups: before(s.Rollups)}
}

// Store is where events are deleted.
type Store interface {
	Prune(ctx context.Context, c events.Cut) (gone events.Deleted, more bool, err error)
	Prunable(ctx context.Context, c events.Cut) (events.Deleted, error)
}

var _ Store = (*events.Store)(nil)

// Retention keeps the settings and sees to them. It is safe for concurrent use.
type Retention struct {
	db    *state.DB
	store Store
	clock func() time.Time
	log   *slog.Logger
	wake  chan struct{}
}

// New returns the retention of what is in db and store.
func New(db *state.DB, store Store, clock func() time.Time, logger *slog.Logger) *Retention {
	return &Retention{db: db, store: store, clock: clock, log: logger, wake: make(chan struct{}, 1)}
}

// Of returns the settings of an application.
func (r *Retention) Of(ctx context.Context, app string) (s Settings, err error) {
	err = r.db.Reader().QueryRowContext(ctx, queries.Get("of"), app).Scan(&s.Events, &s.Bodies, &s.Rollups)
	if errors.Is(err, sql.ErrNoRows) {
		return Settings{}, nil
	}
	if err != nil {
		return s, fmt.Errorf("retention: %w", err)
	}
	return s, nil
}

// Set changes the settings of an application; deleting begins at once. Its errors
// wrap *InvalidError when the caller can mend them.
func (r *Retention) Set(ctx context.Context, app string, s Settings) error {
	if err := s.Check(); err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	err := r.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, queries.Get("save"), app, s.Events, s.Bodies, s.Rollups, r.clock().UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return nil
}

// WouldDelete counts what settings would delete now.
func (r *Retention) WouldDelete(ctx context.Context, app string, s Settings) (events.Deleted, error) {
	if err := s.Check(); err != nil {
		return events.Deleted{}, fmt.Errorf("retention: %w", err)
	}
	d, err := r.store.Prunable(ctx, s.cut(app, r.clock()))
	if err != nil {
		return d, fmt.Errorf("retention: %w", err)
	}
	return d, nil
}

// Run sweeps once an hour and after each change of the settings, until ctx ends.
func (r *Retention) Run(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if _, err := r.Sweep(ctx); err != nil && ctx.Err() == nil {
			r.log.Error("what is too old could not be deleted and will be tried again", "error", err, "in", sweepEvery)
		}
		select {
		case <-tick.C:
		case <-r.wake:
		case <-ctx.Done():
			return
		}
	}
}

// Sweep deletes what is too old of every application, step by step, and returns
// how much that was.
func (r *Retention) Sweep(ctx context.Context) (all events.Deleted, err error) {
	settings, err := r.all(ctx)
	if err != nil {
		return all, fmt.Errorf("retention: %w", err)
	}
	for app, s := range settings {
		var gone events.Deleted
		cut := s.cut(app, r.clock())
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				return all, err
			}
			var step events.Deleted
			if step, more, err = r.store.Prune(ctx, cut); err != nil {
				return all, fmt.Errorf("retention: %s: %w", app, err)
			}
			gone = gone.Plus(step)
		}
		if gone.Any() {
			r.log.Info("deleted what was too old", "app", app, "events", gone.Events, "actions", gone.Actions, "bodies", gone.Bodies, "rollups", gone.Rollups)
		}
		all = all.Plus(gone)
	}
	return all, nil
}

func (r *Retention) all(ctx context.Context) (all map[string]Settings, err error) {
	rows, err := r.db.Reader().QueryContext(ctx, queries.Get("settings"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	all = map[string]Settings{}
	for rows.Next() {
		var app string
		var s Settings
		if err := rows.Scan(&app, &s.Events, &s.Bodies, &s.Rollups); err != nil {
			return nil, err
		}
		all[app] = s
	}
	return all, rows.Err()
}
