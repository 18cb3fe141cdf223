package rules

import (
	"context"
	"database/sql"
	"slices"
)

// Why a rule applies to a customer.
const (
	BecauseNamed     = "customer"     // it names the customer
	BecauseCohort    = "cohort"       // the customer is in its cohort
	BecauseOthers    = "not_matching" // it applies to all but some, and this is not one of them
	BecauseEverybody = "everyone"     // it applies to whoever calls
)

// Applied is a rule that applies to a customer when a call fits its conditions.
type Applied struct {
	Rule // without its customers
	Why  string
}

// Applying returns the rules in force that apply to a user or company (kind is
// the type of rules) who is in the cohorts with these ids.
func (r *Rules) Applying(ctx context.Context, app, kind, id string, cohorts []string) ([]Applied, error) {
	states, err := r.membershipsOf(ctx, app)
	if err != nil {
		return nil, err
	}
	var list []row
	named := map[int64]bool{}
	err = r.snapshot(ctx, func(tx *sql.Tx) error {
		if list, err = readRules(ctx, tx, app, ""); err != nil {
			return err
		}
		return query(ctx, tx, "rules_naming", app, id, func(rows *sql.Rows) error {
			var number int64
			var one int
			err := rows.Scan(&number, &one)
			named[number] = true
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(u row) bool { return u.State != On })
	var found []Applied
	for _, u := range withCohorts(list, states) {
		if why := u.because(kind, named[u.number], cohorts); why != "" {
			found = append(found, Applied{u.Rule, why})
		}
	}
	return found, nil
}

// because says why the rule applies; "" when it does not.
func (u row) because(kind string, named bool, cohorts []string) string {
	within := named || u.Cohort != "" && slices.Contains(cohorts, u.Cohort)
	switch {
	case u.Wire.Type == typeRegex:
		return BecauseEverybody
	case u.Wire.Type != kind, (u.Wire.AppliedTo == "not_matching") == within:
		return ""
	case !within:
		return BecauseOthers
	case u.Cohort != "":
		return BecauseCohort
	default:
		return BecauseNamed
	}
}
