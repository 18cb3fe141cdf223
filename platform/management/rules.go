package management

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/gatemeter/gatemeter/platform/state"
)

//go:embed queries.sql
var queriesFile string

var queries = state.ParseQueries(queriesFile)

func (a *API) addRules() {
	const all, one = "/v1/~/governance/rules", "/v1/~/governance/rules/{id}"
	a.handle("GET "+all, "rules:read", a.listRules)
	a.handle("POST "+all, "rules:write", a.createRule)
	a.handle("GET "+one, "rules:read", a.getRule)
	a.handle("POST "+one, "rules:write", a.updateRule)
	a.handle("DELETE "+one, "rules:write", a.deleteRule)
}

func (a *API) listRules(c call) error {
	list, err := a.Rules.List(c.Context(), c.app.ID)
	if err != nil {
		return err
	}
	extras, err := a.extras(c.Context(), c.app.ID, "")
	if err != nil {
		return err
	}
	out := make([]ruleDocument, len(list))
	for i, u := range list {
		u.Customers = nil
		out[i] = documentOf(c.app, u, extras[u.Wire.ID])
	}
	return c.answer(http.StatusOK, out)
}

// document returns one rule.
func (a *API) document(c call) (ruleDocument, error) {
	id := c.PathValue("id")
	u, err := a.Rules.Rule(c.Context(), c.app.ID, id)
	if err != nil {
		return ruleDocument{}, err
	}
	extras, err := a.extras(c.Context(), c.app.ID, id)
	return documentOf(c.app, u, extras[id]), err
}

func (a *API) getRule(c call) error {
	d, err := a.document(c)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, d)
}

func (a *API) createRule(c call) error {
	data, err := c.body()
	if err != nil {
		return err
	}
	u, x, err := readRule(data, nil)
	if err != nil {
		return err
	}
	if u, err = a.Rules.Create(c.Context(), c.app, u); err != nil {
		return err
	}
	if err := a.saveExtra(c.Context(), c.app.ID, u.Wire.ID, x); err != nil {
		return err
	}
	return c.answer(http.StatusCreated, documentOf(c.app, u, x))
}

func (a *API) updateRule(c call) error {
	before, err := a.document(c)
	if err != nil {
		return err
	}
	data, err := c.body()
	if err != nil {
		return err
	}
	u, x, err := readRule(data, &before)
	if err != nil {
		return err
	}
	if u, err = a.Rules.Replace(c.Context(), c.app, before.ID, u); err != nil {
		return err
	}
	if err := a.saveExtra(c.Context(), c.app.ID, before.ID, x); err != nil {
		return err
	}
	return c.answer(http.StatusCreated, documentOf(c.app, u, x))
}

func (a *API) deleteRule(c call) error {
	id := c.PathValue("id")
	if err := a.Rules.Delete(c.Context(), c.app, id); err != nil {
		return err
	}
	err := a.State.Write(c.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(c.Context(), queries.Get("delete_extra"), c.app.ID, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("management: %w", err)
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// extras returns what is kept beside the rules, by their ids.
func (a *API) extras(ctx context.Context, app, rule string) (found map[string]extra, err error) {
	rows, err := a.State.Reader().QueryContext(ctx, queries.Get("extras"), app, rule)
	if err != nil {
		return nil, fmt.Errorf("management: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	found = map[string]extra{}
	for rows.Next() {
		var id string
		var text []byte
		var x extra
		if err := rows.Scan(&id, &text); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &x); err != nil {
			return nil, fmt.Errorf("management: rule %s: %w", id, err)
		}
		found[id] = x
	}
	return found, rows.Err()
}

func (a *API) saveExtra(ctx context.Context, app, rule string, x extra) error {
	text, err := json.Marshal(x)
	if err != nil {
		return err
	}
	err = a.State.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, queries.Get("save_extra"), app, rule, string(text))
		return err
	})
	if err != nil {
		return fmt.Errorf("management: %w", err)
	}
	return nil
}
