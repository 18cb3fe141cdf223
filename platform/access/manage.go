package access

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Bounds of applications.
const (
	MaxApplications = 1000
	MaxName         = 200 // characters of a name for people
	MaxRate         = 1_000_000
	// MaxGrace is how long a replaced application id may go on.
	MaxGrace = 30 * 24 * time.Hour
	// tail is how many characters of a replaced id are shown.
	tail = 4
)

// AddApplication makes an application with a new application id.
func (g *Gate) AddApplication(ctx context.Context, name string) (Application, error) {
	name, err := nameOf(name)
	if err != nil {
		return Application{}, err
	}
	id := newID("app")
	Note(ctx, "id", id)
	Note(ctx, "name", name)
	err = g.changeApplications(ctx, func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, queries.Get("applications_count")).Scan(&n); err != nil {
			return err
		}
		if n >= MaxApplications {
			return &FieldError{Field: "name", Message: fmt.Sprintf("there are %d applications already, the most there can be", n)}
		}
		_, err := tx.ExecContext(ctx, queries.Get("add_application"), id, name, newApplicationID(), g.clock().UnixMicro())
		return err
	})
	return g.applicationAfter(id, err)
}

// ChangeApplication sets the name, and how many events a second and at once the
// collector takes; a rate of 0 is no limit, a burst of 0 is one second's events.
func (g *Gate) ChangeApplication(ctx context.Context, id, name string, perSecond, burst int) (Application, error) {
	name, err := nameOf(name)
	switch {
	case err != nil:
		return Application{}, err
	case perSecond < 0 || perSecond > MaxRate:
		return Application{}, &FieldError{Field: "rate", Message: fmt.Sprintf("must be 0 (no limit) to %d events a second", MaxRate)}
	case burst < 0 || burst > MaxRate:
		return Application{}, &FieldError{Field: "burst", Message: fmt.Sprintf("must be 0 (as many as the rate) to %d events", MaxRate)}
	case perSecond == 0 && burst > 0:
		return Application{}, &FieldError{Field: "burst", Message: "is of no use without a rate"}
	case burst == 0:
		burst = perSecond
	}
	Note(ctx, "name", name)
	Note(ctx, "rate", strconv.Itoa(perSecond))
	Note(ctx, "burst", strconv.Itoa(burst))
	err = g.changeApplications(ctx, func(tx *sql.Tx) error {
		return one(tx.ExecContext(ctx, queries.Get("change_application"), name, perSecond, burst, id))
	})
	return g.applicationAfter(id, err)
}

// RotateApplicationID gives an application a new application id. The one before
// goes on for grace, 0 to MaxGrace; so do those replaced earlier, for what is
// left of their time. A revoked application can be sent to again afterwards.
func (g *Gate) RotateApplicationID(ctx context.Context, id string, grace time.Duration) (Application, error) {
	if grace < 0 || grace > MaxGrace {
		return Application{}, &FieldError{Field: "grace_seconds", Message: fmt.Sprintf("must be 0 to %d (30 days)", int(MaxGrace/time.Second))}
	}
	now := g.clock()
	Note(ctx, "grace", grace.String())
	err := g.changeApplications(ctx, func(tx *sql.Tx) error {
		// From the index: under the lock of changeApplications it is what is stored.
		app, ok := g.Application(id)
		if !ok {
			return ErrNotFound
		}
		if _, err := tx.ExecContext(ctx, queries.Get("delete_ended_application_ids"), now.UnixMicro()); err != nil {
			return err
		}
		if app.RevokedAt.IsZero() && grace > 0 {
			hash, before := sha256.Sum256([]byte(app.ApplicationID)), app.ApplicationID
			_, err := tx.ExecContext(ctx, queries.Get("keep_old_application_id"), hash[:], id, before[len(before)-tail:], now.Add(grace).UnixMicro())
			if err != nil {
				return err
			}
		}
		return one(tx.ExecContext(ctx, queries.Get("set_application_id"), newApplicationID(), id))
	})
	return g.applicationAfter(id, err)
}

// EndOldIDs ends the time of all replaced application ids at once.
func (g *Gate) EndOldIDs(ctx context.Context, id string) (Application, error) {
	err := g.changeApplications(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, queries.Get("end_old_application_ids"), id)
		return err
	})
	return g.applicationAfter(id, err)
}

// RevokeApplication makes all its application ids worthless at once. What is
// stored stays and can be read; RotateApplicationID opens it again.
func (g *Gate) RevokeApplication(ctx context.Context, id string) (Application, error) {
	err := g.changeApplications(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, queries.Get("end_old_application_ids"), id); err != nil {
			return err
		}
		// Another one that nobody knows: the old one is not kept.
		return one(tx.ExecContext(ctx, queries.Get("revoke_application"), newApplicationID(), g.clock().UnixMicro(), id))
	})
	return g.applicationAfter(id, err)
}

// OldIDs lists the replaced application ids that are still good, the one that
// ends first at the front.
func (g *Gate) OldIDs(id string) []OldID {
	now := g.clock()
	list := slices.Clone(g.apps.Load().old[id])
	return slices.DeleteFunc(list, func(o OldID) bool { return !now.Before(o.Until) })
}

// changeApplications runs fn in a transaction and goes by the outcome from then on.
func (g *Gate) changeApplications(ctx context.Context, fn func(tx *sql.Tx) error) error {
	g.appsMu.Lock()
	defer g.appsMu.Unlock()
	if err := g.db.Write(ctx, fn); err != nil {
		return err
	}
	// What is committed counts, even when the caller has gone.
	ctx = context.WithoutCancel(ctx)
	list, err := g.readApplications(ctx)
	if err == nil {
		err = g.indexApplications(ctx, list)
	}
	return err
}

func (g *Gate) applicationAfter(id string, err error) (Application, error) {
	if err != nil {
		return Application{}, fmt.Errorf("access: application: %w", err)
	}
	app, ok := g.Application(id)
	if !ok {
		return Application{}, ErrNotFound
	}
	return app, nil
}

// one says ErrNotFound when a statement changed no row.
func one(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrNotFound)
	}
	return nil
}

// nameOf returns a name for people without the space around it.
func nameOf(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || len([]rune(name)) > MaxName || strings.ContainsFunc(name, unicode.IsControl) {
		return "", &FieldError{Field: "name", Message: fmt.Sprintf("must have 1 to %d characters on one line", MaxName)}
	}
	return name, nil
}
