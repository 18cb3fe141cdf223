package rules

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// maxMembers bounds the members of all cohorts that the rules of an application
// name, so that gateways take the documents.
const maxMembers = 500_000

// ErrNoCohort says that an application has no such cohort.
var ErrNoCohort = errors.New("no such cohort")

// Membership is the state of a cohort.
type Membership struct {
	Kind     string // user or company
	Revision int64  // another one whenever the members changed
	Members  int
	Ready    bool // whether the members were ever found
}

// Memberships tells who is in cohorts; a rule that names one has its members as
// customers.
type Memberships interface {
	// Cohort returns the state of a cohort, or ErrNoCohort.
	Cohort(ctx context.Context, app, id string) (Membership, error)
	// Members returns the ids of who is in a cohort, in order: of the revision
	// that Cohort told before, or a later one.
	Members(ctx context.Context, app, id string) ([]string, error)
}

// Follow sets who knows the cohorts and the profiles. It must be called before the
// rules are used; without it no rule can name a cohort, and merge tags have only the
// values that rules give.
func (r *Rules) Follow(m Memberships, p Profiles) { r.memberships, r.profiles = m, p }

// CohortChanged says that the members of a cohort changed, or that it is gone:
// when it returns the rules that name it are served accordingly.
func (r *Rules) CohortChanged(ctx context.Context, app, cohort string) error {
	s := r.of(app)
	if s.documents.Load() == nil {
		return nil // they are made when somebody asks
	}
	names, err := r.NamesOf(ctx, app, cohort)
	if err != nil {
		s.stale.Store(true)
		return err
	}
	if len(names) == 0 {
		return nil
	}
	s.building.Lock()
	defer s.building.Unlock()
	_, err = r.refresh(ctx, s.documents.Load().app, s)
	return err
}

// NamesOf returns the names of the rules that name a cohort.
func (r *Rules) NamesOf(ctx context.Context, app, cohort string) (names []string, err error) {
	err = r.snapshot(ctx, func(tx *sql.Tx) error {
		return query(ctx, tx, "rules_of_cohort", app, cohort, func(rows *sql.Rows) error {
			var id, name string
			err := rows.Scan(&id, &name)
			names = append(names, name)
			return err
		})
	})
	return names, err
}

// checkedFor is checked, with the cohort that u names.
func (r *Rules) checkedFor(ctx context.Context, app string, u Rule) (Rule, error) {
	if u.Cohort == "" {
		return checked(u)
	}
	var ps problems
	if len(u.Customers) > 0 {
		ps.add("customers", "must be empty: the members of the cohort are the customers")
		u.Customers = nil
	}
	u, err := checked(u)
	var invalid *InvalidError
	if errors.As(err, &invalid) {
		ps = append(ps, invalid.Problems...)
	}
	if u.Wire.Type == typeRegex {
		ps.add("cohort", "must be empty: a rule of type regex applies to whoever calls")
		return u, ps.err()
	}
	if r.memberships == nil {
		return u, fmt.Errorf("rules: nobody knows cohorts: %w", ErrNoCohort)
	}
	m, err := r.memberships.Cohort(ctx, app, u.Cohort)
	switch {
	case errors.Is(err, ErrNoCohort):
		ps.add("cohort", "there is none with this id (got %q)", u.Cohort)
	case err != nil:
		return u, fmt.Errorf("rules: cohort: %w", err)
	case m.Kind != u.Wire.Type:
		ps.add("cohort", "must be one of the rule's type, %s (it is one of type %s)", u.Wire.Type, m.Kind)
	}
	return u, ps.err()
}

// keepCohort stores which cohort the rule with this number names.
func (u Rule) keepCohort(ctx context.Context, tx *sql.Tx, number int64) error {
	if u.Cohort == "" {
		_, err := tx.ExecContext(ctx, queries.Get("unset_cohort"), number)
		return err
	}
	_, err := tx.ExecContext(ctx, queries.Get("set_cohort"), number, u.Cohort)
	return err
}

// membershipsOf returns the state of the cohorts that rules of an application
// name, by id. One that is gone is not in it.
func (r *Rules) membershipsOf(ctx context.Context, app string) (map[string]Membership, error) {
	if r.memberships == nil {
		return nil, nil
	}
	found := map[string]Membership{}
	var named []string
	err := r.snapshot(ctx, func(tx *sql.Tx) error {
		return query(ctx, tx, "rule_cohorts", app, "", func(rows *sql.Rows) error {
			var number int64
			var cohort string
			err := rows.Scan(&number, &cohort)
			named = append(named, cohort)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	for _, id := range named { // outside: it reads by a connection of its own
		if _, known := found[id]; known {
			continue
		}
		m, err := r.memberships.Cohort(ctx, app, id)
		if errors.Is(err, ErrNoCohort) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found[id] = m
	}
	return found, nil
}

// withCohorts returns the rules that can be served, with the revisions of their
// cohorts. A rule whose cohort is gone, was never evaluated, or is too large is
// not: with `not_matching` it would apply to everybody.
func withCohorts(list []row, states map[string]Membership) []row {
	served, budget := list[:0], maxMembers
	for _, u := range list {
		if u.Cohort != "" {
			m, known := states[u.Cohort]
			if !known || !m.Ready || m.Kind != u.Wire.Type || m.Members > MaxCustomers || m.Members > budget {
				continue
			}
			budget -= m.Members
			u.customersHash = fmt.Sprintf("%s %d", u.Cohort, m.Revision)
		}
		served = append(served, u)
	}
	return served
}

// fillMembers gives the rules that name cohorts their members as customers.
func (r *Rules) fillMembers(ctx context.Context, app string, list []Rule) error {
	for i := range list {
		u := &list[i]
		if u.Cohort == "" {
			continue
		}
		ids, err := r.memberships.Members(ctx, app, u.Cohort)
		if err != nil {
			return err
		}
		u.Customers = make([]Customer, len(ids))
		for k, id := range ids {
			u.Customers[k] = Customer{ID: id, Values: map[string]string{}}
		}
	}
	return nil
}
