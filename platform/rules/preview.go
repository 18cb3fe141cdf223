package rules

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/gatemeter/gatemeter/moesif/rule"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Preview is what a rule answers one customer with.
type Preview struct {
	Applies  bool // to this customer, if the conditions hold
	Decision rule.Decision
}

// Preview says what the rule u answers the customer with, "" being somebody who is not
// identified, when its conditions hold: with the values that u gives a member of its
// cohort, else with those given; what they lack is taken from the profile. The rule
// need not be saved. The engine of the gateways fills in what it says.
func (r *Rules) Preview(ctx context.Context, app string, u Rule, customer string, values map[string]string) (Preview, error) {
	u, err := checked(u)
	if err != nil {
		return Preview{}, err
	}
	member := Customer{ID: customer, Values: maps.Clone(values)}
	if u.Cohort != "" && customer != "" && r.memberships != nil {
		ids, err := r.memberships.Members(ctx, app, u.Cohort)
		if err != nil && !errors.Is(err, ErrNoCohort) {
			return Preview{}, err
		}
		if slices.Contains(ids, customer) {
			u.Customers = []Customer{member}
		}
	}
	for _, c := range u.Customers {
		if c.ID == customer {
			member.Values = maps.Clone(c.Values)
		}
	}
	one := []Rule{{Wire: u.Wire, Customers: []Customer{member}}}
	if err := r.fillValues(ctx, app, one); err != nil {
		return Preview{}, err
	}
	return previewOf(u, one[0].Customers[0])
}

// previewOf is the answer of a rule that was checked.
func previewOf(u Rule, member Customer) (p Preview, err error) {
	customer := member.ID
	u.Wire.ID, u.Wire.RegexConfig = "draft", nil
	s := &rule.Subject{UserID: customer, CompanyID: customer, Verb: "GET", Route: "/"}
	as := func(u Rule) (rule.Decision, error) {
		text, err := json.Marshal(configOf(input{config: DefaultConfig(), rules: []Rule{u}}, "", ""))
		if err != nil {
			return rule.Decision{}, err
		}
		config, err := rule.ReadConfig(text)
		if err != nil {
			return rule.Decision{}, err
		}
		return config.Compile([]wire.Rule{u.Wire}, rule.Options{}).Decide(s), nil
	}
	asked := u
	asked.Wire.Block = true // so that what it applies to is seen
	who, err := as(asked)
	if err != nil {
		return Preview{}, err
	}
	p.Applies = who.Blocked
	if customer != "" && u.Wire.Type != typeRegex {
		if u.Wire.AppliedTo == "not_matching" && p.Applies {
			member.Values = nil // who is in no cohort has no values
		}
		u.Wire.AppliedTo, u.Customers = "matching", []Customer{member}
	} else if u.Wire.Type != typeRegex {
		u.Wire.AppliedToUnidentified = true
	}
	p.Decision, err = as(u)
	return p, err
}
