package rules

import (
	"encoding/json"

	"github.com/gatemeter/gatemeter/moesif/rule"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Preview is what a rule answers one customer with.
type Preview struct {
	Applies  bool // to this customer, if the conditions hold
	Decision rule.Decision
}

// PreviewOf says what the rule u answers the customer with, "" being somebody who
// is not identified, when its conditions hold: for a member of its cohort with its
// values, else with those given. It need not be saved. The engine of the gateways
// fills in what it says.
func PreviewOf(u Rule, customer string, values map[string]string) (Preview, error) {
	u, err := checked(u)
	if err != nil {
		return Preview{}, err
	}
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
	p := Preview{Applies: who.Blocked}
	if customer != "" && u.Wire.Type != typeRegex {
		member := Customer{ID: customer, Values: values}
		for _, c := range u.Customers {
			if c.ID == customer {
				member = c
			}
		}
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
