package api

import (
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/cohorts"
)

// CohortDraft is a cohort as it is sent. What is read-only is not looked at.
type CohortDraft struct {
	Name     string   `json:"name" doc:"Name for people, at most 200 characters." example:"Gone quiet"`
	Kind     string   `json:"kind" enum:"user,company" doc:"What it is made of. It can not be changed." example:"company"`
	Criteria Criteria `json:"criteria" doc:"Who is in it."`
}

// Cohort is a group of users or companies that is found anew as things happen.
type Cohort struct {
	ID string `json:"id" doc:"Given by the platform." example:"co_64ca685a833073c6b41b15f3"`
	CohortDraft
	Members     int          `json:"members" doc:"How many are in it." example:"42"`
	Sizes       []CohortSize `json:"sizes" nullable:"false" doc:"How that changed during the last 30 days, oldest first: by the hour, and only where it changed."`
	CreatedAt   time.Time    `json:"created_at" doc:"When it was made." example:"2026-11-22T10:00:00Z"`
	UpdatedAt   time.Time    `json:"updated_at" doc:"When it was edited last." example:"2026-11-22T10:00:00Z"`
	EvaluatedAt *time.Time   `json:"evaluated_at" doc:"When its members were looked for last; null: not since the platform was started." example:"2026-11-22T10:00:00Z"`
}

// CohortSize is a step in a cohort's size.
type CohortSize struct {
	T       time.Time `json:"t" doc:"Begin of the hour." example:"2026-11-22T10:00:00Z"`
	Members int       `json:"members" doc:"Members at its end, and until the next step." example:"42"`
}

// Criteria say who is in a cohort.
type Criteria struct {
	Match      string            `json:"match" enum:"all,any" doc:"Whether all conditions must hold, or one." example:"all"`
	Conditions []CohortCondition `json:"conditions" nullable:"false" doc:"At least one, at most 20."`
}

// CohortCondition holds for a customer or not; it has one of its members.
type CohortCondition struct {
	Usage     *UsageCondition     `json:"usage,omitempty" doc:"What the customer did."`
	Attribute *AttributeCondition `json:"attribute,omitempty" doc:"What its profile says."`
}

// UsageCondition compares what a customer did with a number.
type UsageCondition struct {
	Measure  string   `json:"measure" enum:"calls,errors,error_rate,events,since_last_call,since_first_call" doc:"calls count each event with its weight, events do not; error_rate is in percent of the calls; since_… in hours. Without calls there is no rate, and nothing since: then the condition does not hold." example:"calls"`
	Op       string   `json:"op" enum:"at_least,at_most,more_than,less_than,equal" doc:"How it is compared." example:"at_least"`
	Value    float64  `json:"value" doc:"With what." example:"100"`
	Hours    int      `json:"hours" required:"false" doc:"Only calls of so many hours until now; 0 is ever." example:"24"`
	Routes   []string `json:"routes,omitempty" required:"false" nullable:"false" doc:"Only calls of one of these routes." example:"[\"/orders/{id}\"]"`
	Verbs    []string `json:"verbs,omitempty" required:"false" nullable:"false" doc:"Only calls with one of these methods." example:"[\"POST\"]"`
	Statuses []string `json:"statuses,omitempty" required:"false" nullable:"false" doc:"Only answers with one of these statuses, or of these classes." example:"[\"5xx\"]"`
}

// AttributeCondition compares a field of the profile.
type AttributeCondition struct {
	Field  string   `json:"field" doc:"metadata.NAME, campaign.NAME (a dot walks into objects), id, ip_address; of a user company_id or user_agent_string; of a company company_domain, subscription.status or subscription.plan_id." example:"metadata.plan"`
	Op     string   `json:"op" enum:"is,is_not,contains,greater,less,exists,not_exists" doc:"is and is_not: one and none of the values, in any case; contains: one of them as a part; greater and less: as numbers. A list satisfies it when one element does." example:"is"`
	Values []string `json:"values,omitempty" required:"false" nullable:"false" doc:"With what it is compared: at most 100; one for greater and less; none for exists and not_exists." example:"[\"free\"]"`
}

// CohortMember is a customer in a cohort.
type CohortMember struct {
	ID        string     `json:"id" doc:"The user's or company's id." example:"acme"`
	Name      string     `json:"name" doc:"From the profile; empty when unknown." example:"Acme Inc."`
	Detail    string     `json:"detail" doc:"E-mail of a user, domain of a company; empty when unknown." example:"acme.example"`
	CompanyID string     `json:"company_id" doc:"The company of a user; empty when unknown." example:""`
	LastSeen  *time.Time `json:"last_seen" doc:"The last call ever; null before the first." example:"2026-11-22T10:00:00.123456Z"`
	EnteredAt *time.Time `json:"entered_at" doc:"Since when it is in; null in a preview." example:"2026-11-22T10:00:00Z"`
}

// CohortChange says that somebody entered or left a cohort.
type CohortChange struct {
	Number     int64     `json:"number" doc:"Grows with every change." example:"1204"`
	CohortID   string    `json:"cohort_id" doc:"The cohort." example:"co_64ca685a833073c6b41b15f3"`
	CohortName string    `json:"cohort_name" doc:"Its name." example:"Gone quiet"`
	Kind       string    `json:"kind" doc:"What it is made of: user or company." example:"company"`
	ID         string    `json:"id" doc:"The user's or company's id." example:"acme"`
	Name       string    `json:"name" doc:"From the profile; empty when unknown." example:"Acme Inc."`
	Entered    bool      `json:"entered" doc:"true: entered, false: left." example:"true"`
	Edited     bool      `json:"edited" doc:"Whether it is because the cohort was made or edited; then the customer did nothing new." example:"false"`
	At         time.Time `json:"at" doc:"When it was found." example:"2026-11-22T10:00:00Z"`
}

func (d CohortDraft) draft() cohorts.Draft {
	kept := cohorts.Draft{Name: d.Name, Kind: d.Kind, Criteria: cohorts.Criteria{Match: d.Criteria.Match}}
	for _, c := range d.Criteria.Conditions {
		kept.Criteria.Conditions = append(kept.Criteria.Conditions, cohorts.Condition{
			Usage: (*cohorts.Usage)(c.Usage), Attribute: (*cohorts.Attribute)(c.Attribute),
		})
	}
	return kept
}

func cohortOf(c cohorts.Cohort, sizes []cohorts.Size) Cohort {
	shown := Cohort{
		ID: c.ID, CohortDraft: CohortDraft{Name: c.Name, Kind: c.Kind, Criteria: Criteria{Match: c.Criteria.Match}},
		Members: c.Members, Sizes: make([]CohortSize, len(sizes)), CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, EvaluatedAt: timeOrNull(c.EvaluatedAt),
	}
	for i, s := range sizes {
		shown.Sizes[i] = CohortSize{T: s.At, Members: s.Members}
	}
	shown.Criteria.Conditions = make([]CohortCondition, len(c.Criteria.Conditions))
	for i, one := range c.Criteria.Conditions {
		shown.Criteria.Conditions[i] = CohortCondition{Usage: (*UsageCondition)(one.Usage), Attribute: (*AttributeCondition)(one.Attribute)}
	}
	return shown
}

func membersOf(list []cohorts.Member) []CohortMember {
	shown := make([]CohortMember, len(list))
	for i, m := range list {
		shown[i] = CohortMember{
			ID: m.ID, Name: m.Name, Detail: m.Detail, CompanyID: m.CompanyID, LastSeen: timeOrNull(m.LastSeen), EnteredAt: timeOrNull(m.EnteredAt),
		}
	}
	return shown
}

// wrongCohort refuses a draft.
func wrongCohort(err *cohorts.InvalidError) error {
	details := make([]error, len(err.Problems))
	for i, p := range err.Problems {
		details[i] = &huma.ErrorDetail{Location: strings.TrimSuffix("body."+p.Field, "."), Message: p.Message}
	}
	return huma.Error422UnprocessableEntity("this can not be a cohort: "+err.Error(), details...)
}
