package management

import (
	"net/http"

	"github.com/gatemeter/gatemeter/platform/access"
)

func (a *API) addRules() {
	const all, one = "/v1/~/governance/rules", "/v1/~/governance/rules/{id}"
	a.handle("GET "+all, access.ReadRules, a.listRules)
	a.handle("POST "+all, access.WriteRules, a.createRule)
	a.handle("GET "+one, access.ReadRules, a.getRule)
	a.handle("POST "+one, access.WriteRules, a.updateRule)
	a.handle("DELETE "+one, access.WriteRules, a.deleteRule)
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
		var x ruleExtra
		if err := extraOf(extras, u.Wire.ID, &x); err != nil {
			return err
		}
		u.Customers = nil
		out[i] = documentOf(c.app, u, x)
	}
	return c.answer(http.StatusOK, out)
}

// rule returns the rule that the path names.
func (a *API) rule(c call) (ruleDocument, error) {
	id := c.PathValue("id")
	u, err := a.Rules.Rule(c.Context(), c.app.ID, id)
	if err != nil {
		return ruleDocument{}, err
	}
	extras, err := a.extras(c.Context(), c.app.ID, id)
	if err != nil {
		return ruleDocument{}, err
	}
	var x ruleExtra
	err = extraOf(extras, id, &x)
	return documentOf(c.app, u, x), err
}

func (a *API) getRule(c call) error {
	d, err := a.rule(c)
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
	before, err := a.rule(c)
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
	if err := a.change(c.Context(), "delete_extra", c.app.ID, id); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
