package rules

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"

	"github.com/gatemeter/gatemeter/platform/access"
)

// Forget takes a user, or a company, out of every rule's customers and out of the
// sampling rates, and out of what both were before, and counts what it changed. What
// is served changes at once.
func (r *Rules) Forget(ctx context.Context, app access.Application, company bool, id string) (map[string]int64, error) {
	counts := map[string]int64{"rule_customers": 0, "sample_rates": 0}
	ctx = By(ctx, "erasure")
	list, err := r.List(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	for _, u := range list {
		kept := slices.DeleteFunc(slices.Clone(u.Customers), func(c Customer) bool { return c.ID == id })
		if len(kept) == len(u.Customers) || (u.Wire.Type == typeCompany) != company {
			continue
		}
		u.Customers = kept
		if _, err := r.Replace(ctx, app, u.Wire.ID, u); err != nil {
			return nil, err
		}
		counts["rule_customers"]++
	}
	c, err := r.Config(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	rates := c.UserSampleRate
	if company {
		rates = c.CompanySampleRate
	}
	if _, ok := rates[id]; ok {
		delete(rates, id)
		counts["sample_rates"]++
		if _, err = r.SetConfig(ctx, app, c); err != nil {
			return nil, err
		}
	}
	return counts, r.forgetPast(ctx, app.ID, company, id)
}

// forgetPast takes a customer out of the versions of rules and the history of sampling.
func (r *Rules) forgetPast(ctx context.Context, app string, company bool, id string) error {
	return r.db.Write(ctx, func(tx *sql.Tx) error {
		kind := typeUser
		if company {
			kind = typeCompany
		}
		hashes, err := column(ctx, tx, "customers_of_versions", app, kind)
		if err != nil {
			return err
		}
		for _, hash := range hashes {
			list, err := keptCustomers(ctx, tx, app, hash)
			if err != nil {
				return err
			}
			kept := slices.DeleteFunc(list, func(c Customer) bool { return c.ID == id })
			if len(kept) == len(list) {
				continue
			}
			if err := rewriteCustomers(ctx, tx, app, hash, kept); err != nil {
				return err
			}
		}
		member := "user_sample_rate"
		if company {
			member = "company_sample_rate"
		}
		histories, err := column(ctx, tx, "sampling_with", app, member, id)
		if err != nil {
			return err
		}
		for _, text := range histories {
			var rates map[string]json.RawMessage
			var of map[string]json.RawMessage
			if err := errors.Join(json.Unmarshal([]byte(text), &rates), json.Unmarshal(rates[member], &of)); err != nil {
				return err
			}
			delete(of, id)
			if rates[member], err = json.Marshal(of); err != nil {
				return err
			}
			without, err := json.Marshal(rates)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, queries.Get("change_sampling"), app, text, string(without)); err != nil {
				return err
			}
		}
		return nil
	})
}

// column is the first column of a query's rows, as text.
func column(ctx context.Context, tx *sql.Tx, name string, args ...any) (list []string, err error) {
	rows, err := tx.QueryContext(ctx, queries.Get(name), args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}
