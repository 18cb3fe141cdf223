package rules

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/platform/access"
)

// Create adds a rule, which is served after all others, and returns it as it is
// kept. When Create returns it is on disk, and served if it is on. An
// *InvalidError says what is wrong with u; then nothing was changed.
func (r *Rules) Create(ctx context.Context, app access.Application, u Rule) (Rule, error) {
	e, err := r.newEdition(ctx, app.ID, u)
	if err != nil {
		return Rule{}, err
	}
	e.UpdatedAt = r.now()
	e.StateAt = e.UpdatedAt
	e.Wire.ID, e.Wire.CreatedAt = newID(e.UpdatedAt), e.UpdatedAt
	err = r.edit(ctx, app, func(tx *sql.Tx) error { return e.add(ctx, tx, app.ID, Created) })
	return e.Rule, err
}

// Replace puts u, whole, in the place of the rule with this id, or answers
// ErrNotFound; otherwise it is like Create. Customers are written only if they
// are others than before.
func (r *Rules) Replace(ctx context.Context, app access.Application, id string, u Rule) (Rule, error) {
	e, err := r.newEdition(ctx, app.ID, u)
	if err != nil {
		return Rule{}, err
	}
	err = r.edit(ctx, app, func(tx *sql.Tx) error {
		before, err := readRule(ctx, tx, app.ID, id)
		if err != nil {
			return err
		}
		return e.change(ctx, tx, app.ID, before, r.now(), Changed)
	})
	return e.Rule, err
}

// SetState switches a rule, and leaves everything else of it as it is.
func (r *Rules) SetState(ctx context.Context, app access.Application, id string, state State) (Rule, error) {
	return r.alter(ctx, app, id, func(u *Rule) { u.State = state })
}

// SetCustomers replaces a rule's cohort, and leaves everything else of it as it
// is: what decides who is in the cohort need not know the rule.
func (r *Rules) SetCustomers(ctx context.Context, app access.Application, id string, customers []Customer) (Rule, error) {
	return r.alter(ctx, app, id, func(u *Rule) { u.Customers = customers })
}

// alter is Replace with the rule that is there, changed by fn.
func (r *Rules) alter(ctx context.Context, app access.Application, id string, fn func(u *Rule)) (Rule, error) {
	var e *edition
	err := r.edit(ctx, app, func(tx *sql.Tx) error {
		before, err := readRule(ctx, tx, app.ID, id)
		if err != nil {
			return err
		}
		rows := []row{before}
		if err := readCustomers(ctx, tx, app.ID, id, rows); err != nil {
			return err
		}
		u := rows[0].Rule
		fn(&u)
		if e, err = r.newEdition(ctx, app.ID, u); err != nil {
			return err
		}
		return e.change(ctx, tx, app.ID, before, r.now(), Changed)
	})
	if err != nil {
		return Rule{}, err
	}
	return e.Rule, nil
}

// Delete removes a rule, or answers ErrNotFound. When it returns the rule is
// served no more. Revert brings it back.
func (r *Rules) Delete(ctx context.Context, app access.Application, id string) error {
	return r.edit(ctx, app, func(tx *sql.Tx) error {
		before, err := readRule(ctx, tx, app.ID, id)
		if err != nil {
			return err
		}
		if err := keepBefore(ctx, tx, app.ID, before); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, queries.Get("delete_rule"), app.ID, id); err != nil {
			return err
		}
		return before.keep(ctx, tx, app.ID, r.now(), Deleted)
	})
}

// SetOrder puts the rules of an application in this order, in which they are
// served. ids must name each of them once; otherwise an *InvalidError says so.
func (r *Rules) SetOrder(ctx context.Context, app access.Application, ids []string) error {
	return r.edit(ctx, app, func(tx *sql.Tx) error {
		list, err := readRules(ctx, tx, app.ID, "")
		if err != nil {
			return err
		}
		have := make([]string, len(list))
		for i, u := range list {
			have[i] = u.Wire.ID
		}
		if slices.Equal(have, ids) {
			return nil
		}
		if !slices.Equal(slices.Sorted(slices.Values(have)), slices.Sorted(slices.Values(ids))) {
			var ps problems
			ps.add("rules", "must name each of the %d rules once (names %d): they may have changed meanwhile", len(have), len(ids))
			return ps.err()
		}
		text, err := json.Marshal(ids)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, queries.Get("place_rules"), app.ID, string(text)); err != nil {
			return err
		}
		return keepOrder(ctx, tx, app.ID, reordering{have, ids}, r.now())
	})
}

// SetConfig replaces the configuration of an application, whole, and returns it
// as it is kept; otherwise it is like Create.
func (r *Rules) SetConfig(ctx context.Context, app access.Application, c Config) (Config, error) {
	c, err := checkedConfig(c)
	if err != nil {
		return Config{}, err
	}
	return c, r.edit(ctx, app, func(tx *sql.Tx) error {
		document, err := json.Marshal(c)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, queries.Get("save_configuration"), app.ID, string(document), r.now().UnixMicro())
		return err
	})
}

func (r *Rules) now() time.Time { return r.clock().UTC().Truncate(time.Microsecond) }

// edition is a rule on its way into the database.
type edition struct {
	row
	cohort cohort
}

// newEdition checks u and gives it its defaults.
func (r *Rules) newEdition(ctx context.Context, app string, u Rule) (*edition, error) {
	u, err := r.checkedFor(ctx, app, u)
	if err != nil {
		return nil, err
	}
	c, err := cohortOf(u.Customers)
	if err != nil {
		return nil, err
	}
	return &edition{row{Rule: u, customersHash: c.hash}, c}, nil
}

// add writes a rule that is not there; its id and times are set. A place of 0 is
// behind all others.
func (e *edition) add(ctx context.Context, tx *sql.Tx, app string, how How) error {
	document, err := json.Marshal(e.Wire)
	if err != nil {
		return err
	}
	err = tx.QueryRowContext(ctx, queries.Get("add_rule"), app, e.Wire.ID, e.State, e.StateAt.UnixMicro(), e.place, string(document),
		e.cohort.hash, e.cohort.bytes+len(document), e.UpdatedAt.UnixMicro()).Scan(&e.number, &e.place)
	if err != nil {
		return err
	}
	if err := e.cohort.add(ctx, tx, e.number); err != nil {
		return err
	}
	if err := e.keepCohort(ctx, tx, e.number); err != nil {
		return err
	}
	if err := checkTotal(ctx, tx, app); err != nil {
		return err
	}
	return e.keepWith(ctx, tx, app, how)
}

// change writes a rule in the place of the one before.
func (e *edition) change(ctx context.Context, tx *sql.Tx, app string, before row, now time.Time, how How) error {
	e.number, e.place = before.number, before.place
	e.Wire.ID, e.Wire.CreatedAt = before.Wire.ID, before.Wire.CreatedAt
	e.UpdatedAt, e.StateAt = now, now
	if e.State == before.State {
		e.StateAt = before.StateAt
	}
	if err := keepBefore(ctx, tx, app, before); err != nil {
		return err
	}
	document, err := json.Marshal(e.Wire)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, queries.Get("change_rule"), e.number, e.State, e.StateAt.UnixMicro(), string(document),
		e.cohort.hash, e.cohort.bytes+len(document), now.UnixMicro())
	if err != nil {
		return err
	}
	if e.cohort.hash != before.customersHash {
		if _, err := tx.ExecContext(ctx, queries.Get("drop_customers"), e.number); err != nil {
			return err
		}
		if err := e.cohort.add(ctx, tx, e.number); err != nil {
			return err
		}
	}
	if err := e.keepCohort(ctx, tx, e.number); err != nil {
		return err
	}
	if err := checkTotal(ctx, tx, app); err != nil {
		return err
	}
	return e.keepWith(ctx, tx, app, how)
}

// readRule returns one rule without its customers, or ErrNotFound.
func readRule(ctx context.Context, tx *sql.Tx, app, id string) (row, error) {
	if id == "" {
		return row{}, ErrNotFound
	}
	list, err := readRules(ctx, tx, app, id)
	if err != nil {
		return row{}, err
	}
	if len(list) == 0 {
		return row{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return list[0], nil
}
