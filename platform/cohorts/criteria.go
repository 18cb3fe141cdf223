package cohorts

import (
	"github.com/gatemeter/gatemeter/platform/customers"
)

// How conditions are joined.
const (
	All = "all"
	Any = "any"
)

// Criteria say who is in a cohort. They are stored as this document.
type Criteria struct {
	Match      string      `json:"match"` // All or Any
	Conditions []Condition `json:"conditions"`
}

// Condition is one thing that holds for a customer or not; exactly one of its
// members is set.
type Condition struct {
	Usage     *Usage     `json:"usage,omitempty"`
	Attribute *Attribute `json:"attribute,omitempty"`
}

// What Usage measures.
const (
	Calls          = "calls"            // calls, each event with its weight
	Errors         = "errors"           // calls with a status of 400 and above, or without an answer
	ErrorRate      = "error_rate"       // errors in percent of the calls; nothing without calls
	Events         = "events"           // stored events, whatever their weight
	SinceLastCall  = "since_last_call"  // hours since the last call; nothing before the first
	SinceFirstCall = "since_first_call" // hours since the first call; nothing before it
)

// How numbers are compared.
const (
	AtLeast  = "at_least"
	AtMost   = "at_most"
	MoreThan = "more_than"
	LessThan = "less_than"
	Equal    = "equal"
)

// Usage compares what a customer did with a number. A condition about a measure
// that has nothing to measure does not hold.
type Usage struct {
	Measure  string   `json:"measure"`
	Op       string   `json:"op"`
	Value    float64  `json:"value"`
	Hours    int      `json:"hours,omitempty"` // of the window that ends now; 0: ever
	Routes   []string `json:"routes,omitempty"`
	Verbs    []string `json:"verbs,omitempty"`
	Statuses []string `json:"statuses,omitempty"`
}

// profiled reports whether the customers' own first and last call answers it:
// nothing has to be counted.
func (u *Usage) profiled() bool {
	return (u.Measure == SinceLastCall || u.Measure == SinceFirstCall) &&
		u.Hours == 0 && len(u.Routes)+len(u.Verbs)+len(u.Statuses) == 0
}

// slides reports whether time alone can change the answer.
func (u *Usage) slides() bool {
	return u.Hours > 0 || u.Measure == SinceLastCall || u.Measure == SinceFirstCall
}

// How attributes are compared. Text is compared in any case.
const (
	Is        = "is"       // one of the values
	IsNot     = "is_not"   // none of the values; holds without the field
	Contains  = "contains" // one of the values is part of it
	Greater   = "greater"  // than the one value, both as numbers
	Less      = "less"
	Exists    = "exists" // neither missing, null nor ""
	NotExists = "not_exists"
)

// Attribute compares a field of the profile. A list in the profile satisfies it
// when one of its elements does.
type Attribute struct {
	Field  string   `json:"field"` // see checkField
	Op     string   `json:"op"`
	Values []string `json:"values,omitempty"`
}

// Fields that are not in the profile's document.
const (
	fieldID      = "id"
	fieldCompany = "company_id"
	// Of a company; a company has the values of all its subscriptions.
	fieldStatus = "subscription.status"
	fieldPlan   = "subscription.plan_id"
)

func (c Criteria) usages() []*Usage {
	var list []*Usage
	for i := range c.Conditions {
		if u := c.Conditions[i].Usage; u != nil {
			list = append(list, u)
		}
	}
	return list
}

func (c Criteria) attributes() []*Attribute {
	var list []*Attribute
	for i := range c.Conditions {
		if a := c.Conditions[i].Attribute; a != nil {
			list = append(list, a)
		}
	}
	return list
}

// needs are what has to be read to evaluate criteria.
type needs struct {
	usage         bool // anything that calls can change
	profiles      bool
	subscriptions bool
}

func (c Criteria) needs() needs {
	n := needs{usage: len(c.usages()) > 0}
	for _, a := range c.attributes() {
		switch a.Field {
		case fieldID, fieldCompany:
		case fieldStatus, fieldPlan:
			n.subscriptions = true
		default:
			n.profiles = true
		}
	}
	return n
}

// What a cohort is made of.
const (
	Users     = customers.KindUser
	Companies = customers.KindCompany
)
