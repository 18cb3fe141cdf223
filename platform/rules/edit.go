package rules

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/gatemeter/gatemeter/platform/access"
)

// Create adds a rule, which is served after all others, and returns it as it is
// kept. When Create returns it is on disk and served. An *InvalidError says what
// is wrong with u; then nothing was changed.
func (r *Rules) Create(ctx context.Context, app access.Application, u Rule) (Rule, error) {
	u, err := r.checkedFor(ctx, app.ID, u)
	if err != nil {
		return Rule{}, err
	}
	cohort, err := cohortOf(u.Customers)
	if err != nil {
		return Rule{}, err
	}
	u.UpdatedAt = r.now()
	u.Wire.ID, u.Wire.CreatedAt = newID(u.UpdatedAt), u.UpdatedAt
	return u, r.edit(ctx, app, func(tx *sql.Tx) error {
		document, err := json.Marshal(u.Wire)
		if err != nil {
			return err
		}
		var number int64
		err = tx.QueryRowContext(ctx, queries.Get("add_rule"), app.ID, u.Wire.ID, u.Enabled, string(document),
			cohort.hash, cohort.bytes+len(document), u.UpdatedAt.UnixMicro()).Scan(&number)
		if err != nil {
			return err
		}
		if err := cohort.add(ctx, tx, number); err != nil {
			return err
		}
		if err := u.keepCohort(ctx, tx, number); err != nil {
			return err
		}
		return checkTotal(ctx, tx, app.ID)
	})
}

// Replace puts u, whole, in the place of the rule with this id, or answers
// ErrNotFound; otherwise it is like Create. Customers are written only if they
// are others than before.
func (r *Rules) Replace(ctx context.Context, app access.Application, id string, u Rule) (Rule, error) {
	u, err := r.checkedFor(ctx, app.ID, u)
	if err != nil {
		return Rule{}, err
	}
	cohort, err := cohortOf(u.Customers)
	if err != nil {
		return Rule{}, err
	}
	u.UpdatedAt = r.now()
	err = r.edit(ctx, app, func(tx *sql.Tx) error {
		list, err := readRules(ctx, tx, app.ID, id)
		if err != nil {
			return err
		}
		if id == "" || len(list) == 0 {
			return ErrNotFound
		}
		before := list[0]
		u.Wire.ID, u.Wire.CreatedAt = id, before.Wire.CreatedAt
		document, err := json.Marshal(u.Wire)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, queries.Get("change_rule"), before.number, u.Enabled, string(document),
			cohort.hash, cohort.bytes+len(document), u.UpdatedAt.UnixMicro())
		if err != nil {
			return err
		}
		if cohort.hash != before.customersHash {
			if _, err := tx.ExecContext(ctx, queries.Get("drop_customers"), before.number); err != nil {
				return err
			}
			if err := cohort.add(ctx, tx, before.number); err != nil {
				return err
			}
		}
		if err := u.keepCohort(ctx, tx, before.number); err != nil {
			return err
		}
		return checkTotal(ctx, tx, app.ID)
	})
	return u, err
}

// Delete removes a rule, or answers ErrNotFound. When it returns the rule is
// served no more.
func (r *Rules) Delete(ctx context.Context, app access.Application, id string) error {
	return r.edit(ctx, app, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, queries.Get("delete_rule"), app.ID, id)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return cmp.Or(err, ErrNotFound)
		}
		return nil
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
