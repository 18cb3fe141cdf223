// Package erase deletes what is known of one user or company, in every store and
// in the bytes of the files, and leaves a receipt.
package erase

import (
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/journal"
	"github.com/gatemeter/gatemeter/platform/load"
	"github.com/gatemeter/gatemeter/platform/state"
)

//go:embed queries.sql
var queriesFile string

var queries = state.ParseQueries(queriesFile)

// Kinds of customers.
const (
	User    = "user"
	Company = "company"
)

// againAfter is after how long an erasure that failed is tried again.
const againAfter = time.Minute

// ErrNotFound says that an application has no such erasure.
var ErrNotFound = errors.New("no such erasure")

// Room forgets a customer, and counts rows by table. It may be asked again.
type Room func(ctx context.Context, app access.Application, kind, id string) (map[string]int64, error)

// Options are the parts an Erasures stands on; all are required.
type Options struct {
	State   *state.DB
	Events  *events.Store
	Journal *journal.Journal
	Loader  *load.Loader
	Apps    func(id string) (access.Application, bool)
	Rooms   []Room // whatever keeps customers in the state
	Clock   func() time.Time
	Logger  *slog.Logger
}

// Erasures are made one after the other; what was begun is ended by the next start.
// It is safe for concurrent use.
type Erasures struct {
	Options
	wake chan struct{}
}

// New returns the erasures that o.State holds. Run makes them.
func New(o Options) *Erasures { return &Erasures{Options: o, wake: make(chan struct{}, 1)} }

// Erasure is one that was requested.
type Erasure struct {
	ID, Kind    string
	RequestedAt time.Time
	DoneAt      time.Time // zero while it goes on
	Problem     string    // why the last try failed
	Receipt     string    // JSON; "" until it is done
}

// Request asks for a user or company to be erased: all that was accepted until now.
func (e *Erasures) Request(ctx context.Context, app, kind, id string) (Erasure, error) {
	made := Erasure{ID: "erasure_" + rand.Text(), Kind: kind, RequestedAt: e.Clock().UTC().Truncate(time.Microsecond)}
	err := e.State.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, queries.Get("add"), made.ID, app, kind, id, made.RequestedAt.UnixMicro())
		return err
	})
	if err != nil {
		return Erasure{}, fmt.Errorf("erase: %w", err)
	}
	select {
	case e.wake <- struct{}{}:
	default:
	}
	return made, nil
}

// byOf is how the event store names a kind of customer.
func byOf(kind string) string {
	if kind == Company {
		return events.ByCompany
	}
	return events.ByUser
}

// Erasable counts what the event store has of a user or company. What waits in the
// journal is not among it, and would be erased too.
func (e *Erasures) Erasable(ctx context.Context, app, kind, id string) (events.Deleted, error) {
	d, err := e.Events.Erasable(ctx, app, byOf(kind), id)
	if err != nil {
		return d, fmt.Errorf("erase: %w", err)
	}
	return d, nil
}

// List returns the last 200 erasures of an application, newest first.
func (e *Erasures) List(ctx context.Context, app string) (list []Erasure, err error) {
	return e.read(ctx, "list", app)
}

// Erasure returns one, or ErrNotFound.
func (e *Erasures) Erasure(ctx context.Context, app, id string) (Erasure, error) {
	list, err := e.read(ctx, "one", app, id)
	if err != nil || len(list) == 0 {
		return Erasure{}, errors.Join(ErrNotFound, err)
	}
	return list[0], nil
}

func (e *Erasures) read(ctx context.Context, name string, args ...any) (list []Erasure, err error) {
	rows, err := e.State.Reader().QueryContext(ctx, queries.Get(name), args...)
	if err != nil {
		return nil, fmt.Errorf("erase: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var one Erasure
		var requested int64
		var done sql.NullInt64
		if err := rows.Scan(&one.ID, &one.Kind, &requested, &done, &one.Problem, &one.Receipt); err != nil {
			return nil, fmt.Errorf("erase: %w", err)
		}
		one.RequestedAt = time.UnixMicro(requested).UTC()
		if done.Valid {
			one.DoneAt = time.UnixMicro(done.Int64).UTC()
		} else {
			one.Receipt = "" // its files are not rewritten yet
		}
		list = append(list, one)
	}
	return list, rows.Err()
}

// Run makes what was requested until ctx ends.
func (e *Erasures) Run(ctx context.Context) {
	for ctx.Err() == nil {
		again := time.NewTimer(againAfter)
		more, err := e.step(ctx)
		if err != nil && ctx.Err() == nil {
			e.Logger.Error("an erasure failed and will be tried again", "error", err, "in", againAfter)
		}
		if more && err == nil {
			again.Stop()
			continue
		}
		if !more {
			again.Stop() // nothing waits
		}
		select {
		case <-again.C:
		case <-e.wake:
		case <-ctx.Done():
		}
		again.Stop()
	}
}

// job is an erasure that is not done.
type job struct {
	id, app, kind, customer, receipt string
	requested                        int64
}

// step makes the oldest erasure that is not done; more is false when there is none.
func (e *Erasures) step(ctx context.Context) (more bool, err error) {
	var j job
	err = e.State.Reader().QueryRowContext(ctx, queries.Get("next")).Scan(&j.id, &j.app, &j.kind, &j.customer, &j.requested, &j.receipt)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err == nil {
		err = e.make(ctx, j)
	}
	if err != nil && ctx.Err() == nil {
		err = errors.Join(err, e.write(ctx, "trouble", "it failed and will be tried again: see the platform's log", j.id))
	}
	return true, err
}

func (e *Erasures) make(ctx context.Context, j job) error {
	if j.receipt == "" {
		text, err := e.everywhere(ctx, j)
		if err != nil {
			return err
		}
		// From here on the id is nowhere but in the bytes that Vacuum leaves behind.
		if err := e.write(ctx, "save_receipt", text, j.id); err != nil {
			return err
		}
	}
	if err := e.State.Vacuum(ctx); err != nil {
		return err
	}
	if err := e.write(ctx, "done", e.Clock().UnixMicro(), j.id); err != nil {
		return err
	}
	e.Logger.Info("a customer was erased", "erasure", j.id, "app", j.app, "kind", j.kind)
	return nil
}

// everywhere erases in the rooms, the store and the journal, and returns the receipt.
func (e *Erasures) everywhere(ctx context.Context, j job) (string, error) {
	app, ok := e.Apps(j.app)
	if !ok {
		app = access.Application{ID: j.app} // it was deleted since
	}
	// Whatever waits in the journal would be told to the rooms later.
	if err := e.Loader.Forget(ctx); err != nil {
		return "", err
	}
	r := Receipt{
		ID: j.id, App: j.app, Kind: j.kind, Salt: rand.Text(), RequestedAt: time.UnixMicro(j.requested).UTC(),
		Rows: map[string]int64{}, Files: files, Remains: remains,
	}
	r.Customer = hashOf(r.Salt, j.kind, j.customer)
	for _, forget := range e.Rooms {
		counts, err := forget(ctx, app, j.kind, j.customer)
		if err != nil {
			return "", err
		}
		maps.Copy(r.Rows, counts)
	}
	by := byOf(j.kind)
	gone, err := e.Events.Erase(ctx, j.app, by, j.customer)
	if err != nil {
		return "", err
	}
	r.Rows["events"], r.Rows["actions"], r.Rows["bodies"], r.Rows["rollups"] = gone.Events, gone.Actions, gone.Bodies, gone.Rollups
	if err := e.Events.Rewrite(ctx); err != nil {
		return "", err
	}
	if err := e.Journal.Scrub(ctx); err != nil {
		return "", err
	}
	if r.Found, err = e.State.Traces(ctx, j.customer, "erasures"); err != nil {
		return "", err
	}
	n, err := e.Events.Traces(ctx, j.app, by, j.customer)
	if err != nil {
		return "", err
	}
	if n > 0 { // it was sent again meanwhile
		r.Found["events.duckdb"] = n
	}
	r.ErasedAt = e.Clock().UTC().Truncate(time.Microsecond)
	return r.text()
}

func (e *Erasures) write(ctx context.Context, name string, args ...any) error {
	return e.State.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, queries.Get(name), args...)
		return err
	})
}
