package management

import (
	"net/http"
	"strings"

	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/cohorts"
)

func (a *API) addCohorts() {
	const all, one = "/v1/~/cohorts", "/v1/~/cohorts/{id}"
	a.handle("GET "+all, access.ReadCustomers, a.listCohorts)
	a.handle("POST "+all, access.WriteCohorts, a.createCohort)
	a.handle("GET "+one, access.ReadCustomers, a.getCohort)
	a.handle("POST "+one, access.WriteCohorts, a.updateCohort)
	a.handle("DELETE "+one, access.WriteCohorts, a.deleteCohort)
}

func (a *API) listCohorts(c call) error {
	list, err := a.Cohorts.List(c.Context(), c.app.ID)
	if err != nil {
		return err
	}
	extras, err := a.extras(c.Context(), c.app.ID, "")
	if err != nil {
		return err
	}
	out := make([]cohortDocument, len(list))
	for i, co := range list {
		var x cohortExtra
		if err := extraOf(extras, co.ID, &x); err != nil {
			return err
		}
		if out[i], err = cohortOf(c.app, co, x); err != nil {
			return err
		}
	}
	return c.answer(http.StatusOK, out)
}

// cohort returns the cohort that the path names.
func (a *API) cohort(c call) (cohortDocument, error) {
	id := c.PathValue("id")
	co, err := a.Cohorts.Cohort(c.Context(), c.app.ID, id)
	if err != nil {
		return cohortDocument{}, err
	}
	extras, err := a.extras(c.Context(), c.app.ID, id)
	if err != nil {
		return cohortDocument{}, err
	}
	var x cohortExtra
	if err := extraOf(extras, id, &x); err != nil {
		return cohortDocument{}, err
	}
	return cohortOf(c.app, co, x)
}

func (a *API) getCohort(c call) error {
	d, err := a.cohort(c)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, d)
}

func (a *API) createCohort(c call) error { return a.writeCohort(c, nil) }

func (a *API) updateCohort(c call) error {
	before, err := a.cohort(c)
	if err != nil {
		return err
	}
	return a.writeCohort(c, &before)
}

func (a *API) writeCohort(c call, before *cohortDocument) error {
	data, err := c.body()
	if err != nil {
		return err
	}
	draft, x, err := readCohort(data, before)
	if err != nil {
		return err
	}
	var co cohorts.Cohort
	if before == nil {
		co, err = a.Cohorts.Create(c.Context(), c.app.ID, draft)
	} else {
		co, err = a.Cohorts.Replace(c.Context(), c.app.ID, before.ID, draft)
	}
	if err != nil {
		return err
	}
	if err := a.saveExtra(c.Context(), c.app.ID, co.ID, x); err != nil {
		return err
	}
	d, err := cohortOf(c.app, co, x)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, d)
}

func (a *API) deleteCohort(c call) error {
	id := c.PathValue("id")
	names, err := a.Rules.NamesOf(c.Context(), c.app.ID, id)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return refusal(http.StatusConflict, "these rules apply to its members: "+strings.Join(names, ", ")+": change or delete them first")
	}
	if err := a.Cohorts.Delete(c.Context(), c.app.ID, id); err != nil {
		return err
	}
	if err := a.change(c.Context(), "delete_extra", c.app.ID, id); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
