package cohorts

import (
	"strings"
	"testing"
)

func TestBadCohortsSayWhatIsWrongAndWhere(t *testing.T) {
	usage := func(u Usage) Condition { return Condition{Usage: &u} }
	attribute := func(a Attribute) Condition { return Condition{Attribute: &a} }
	good := usage(Usage{Measure: Calls, Op: AtLeast, Value: 1})
	one := func(kind string, c ...Condition) Draft {
		return Draft{Name: "n", Kind: kind, Criteria: Criteria{Match: All, Conditions: c}}
	}
	for want, d := range map[string]Draft{
		`name: must not be empty; kind: must be one of user, company (got "team"); criteria.match: must be one of all, any (got "some")`: {
			Name: "  ", Kind: "team", Criteria: Criteria{Match: "some", Conditions: []Condition{good}},
		},
		`name: must have at most 200 characters (has 201)`:                                      {Name: strings.Repeat("é", 201), Kind: Users, Criteria: one(Users, good).Criteria},
		`name: must not have control characters`:                                                {Name: "a\x00b", Kind: Users, Criteria: one(Users, good).Criteria},
		`criteria.conditions: must have at least one: a cohort of everybody needs none of this`: one(Users),
		`criteria.conditions: must have at most 20 (has 21)`:                                    one(Users, make([]Condition, 21)...),
		`criteria.conditions[1]: must have either usage or attribute`:                           one(Users, good, Condition{}),
		`criteria.conditions[0].usage.measure: must be one of calls, errors, error_rate, events, since_last_call, since_first_call (got "mood"); ` +
			`criteria.conditions[0].usage.op: must be one of at_least, at_most, more_than, less_than, equal (got ">"); ` +
			`criteria.conditions[0].usage.value: must be a number from 0 to 1e15 (is -1); ` +
			`criteria.conditions[0].usage.hours: must be from 1 to 8784 (a year), or 0 for ever (is 9000)`: one(Users, usage(Usage{Measure: "mood", Op: ">", Value: -1, Hours: 9000})),
		`criteria.conditions[0].usage.routes[0]: must not be empty; criteria.conditions[0].usage.statuses[1]: must be a status like 404 or a class like 4xx (got "9x")`: one(Users,
			usage(Usage{Measure: Calls, Op: AtLeast, Routes: []string{""}, Statuses: []string{"2xx", "9x"}})),
		`criteria.conditions[0].usage.verbs: must have at most 100 (has 101)`: one(Users, usage(Usage{Measure: Calls, Op: AtLeast, Verbs: make([]string, 101)})),
		`criteria.conditions[0].attribute.field: must be metadata.NAME, campaign.NAME, or one of id, ip_address, company_id, user_agent_string (got "plan"); ` +
			`criteria.conditions[0].attribute.op: must be one of is, is_not, contains, greater, less, exists, not_exists (got "like"); ` +
			`criteria.conditions[0].attribute.values: must have at least one`: one(Users, attribute(Attribute{Field: "plan", Op: "like"})),
		`criteria.conditions[0].attribute.field: must be metadata.NAME, campaign.NAME, or one of id, ip_address, company_domain, subscription.status, subscription.plan_id (got "company_id")`: one(Companies,
			attribute(Attribute{Field: "company_id", Op: Is, Values: []string{"x"}})),
		`criteria.conditions[0].attribute.values[0]: must be a number (got "many")`:            one(Users, attribute(Attribute{Field: "metadata.seats", Op: Greater, Values: []string{"many"}})),
		`criteria.conditions[0].attribute.values: must have one number (has 2 values)`:         one(Users, attribute(Attribute{Field: "metadata.seats", Op: Less, Values: []string{"1", "2"}})),
		`criteria.conditions[0].attribute.values: must be empty: exists compares with nothing`: one(Users, attribute(Attribute{Field: "metadata.seats", Op: Exists, Values: []string{"1"}})),
		`criteria.conditions[0].attribute.field: must be metadata.NAME, campaign.NAME, or one of id, ip_address, company_id, user_agent_string (got "metadata.")`: one(Users,
			attribute(Attribute{Field: "metadata.", Op: Exists})),
	} {
		_, err := checked(d)
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	d := one(Users, good)
	d.Name = " kept "
	if d, err := checked(d); err != nil || d.Name != "kept" {
		t.Errorf("got %+v, %v", d, err)
	}
}
