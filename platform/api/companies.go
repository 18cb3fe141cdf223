package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/customers"
	"github.com/gatemeter/gatemeter/platform/events"
)

// customersRange is how far back lists of customers count calls by themselves.
const customersRange = 30 * 24 * time.Hour

// Usage is a customer's usage within a range, and since when it is known.
type Usage struct {
	Calls     int64   `json:"calls" doc:"Calls within the range." example:"8400"`
	Errors    int64   `json:"errors" doc:"Calls within the range that failed: a status of 400 and above, or no answer." example:"42"`
	ErrorRate float64 `json:"error_rate" doc:"Share of the calls that failed, 0 to 1." example:"0.005"`
	Latency
	FirstSeen *time.Time `json:"first_seen" doc:"The first call ever; null before it." example:"2026-10-01T08:30:00Z"`
	LastSeen  *time.Time `json:"last_seen" doc:"The last call ever; null before the first." example:"2026-11-22T10:00:00.123456Z"`
}

// usageOf puts together what the event store and the profile say; the profile
// is a moment behind the store.
func usageOf(c events.Customer, first, last time.Time) Usage {
	if c.LastSeen.After(last) {
		last = c.LastSeen
	}
	if first.IsZero() || !c.FirstSeen.IsZero() && c.FirstSeen.Before(first) {
		first = c.FirstSeen
	}
	return Usage{
		Calls: c.Calls, Errors: c.Errors, ErrorRate: rate(c.Errors, c.Calls),
		Latency: latencyOf(c.Latency), FirstSeen: timeOrNull(first), LastSeen: timeOrNull(last),
	}
}

func (u Usage) rank(id, name string) rank {
	r := rank{ID: id, Name: name, Calls: u.Calls, Errors: u.Errors}
	if u.P95 != nil {
		r.P95 = *u.P95
	}
	if u.LastSeen != nil {
		r.Seen = u.LastSeen.UnixMicro()
	}
	return r
}

// Company is a row of the list of companies.
type Company struct {
	CompanyID string `json:"company_id" doc:"The company's id." example:"acme"`
	Name      string `json:"name" doc:"From the profile's metadata; empty when unknown." example:"Acme Inc."`
	Domain    string `json:"domain" doc:"From the profile; empty when unknown." example:"acme.example"`
	Users     int64  `json:"users" doc:"Users of the company who made calls within the range." example:"12"`
	Usage
}

// CompanyProfile is what is known of a company.
type CompanyProfile struct {
	CompanyID string          `json:"company_id" doc:"The company's id." example:"acme"`
	Name      string          `json:"name" doc:"From the metadata; empty when unknown." example:"Acme Inc."`
	Domain    string          `json:"domain" doc:"Empty when unknown." example:"acme.example"`
	FirstSeen *time.Time      `json:"first_seen" doc:"The first call ever; null before it." example:"2026-10-01T08:30:00Z"`
	LastSeen  *time.Time      `json:"last_seen" doc:"The last call ever; null before the first." example:"2026-11-22T10:00:00.123456Z"`
	Metadata  json.RawMessage `json:"metadata" doc:"What was sent to the collector about it, merged." example:"{\"plan\":\"growth\"}"`
	Users     int             `json:"users" doc:"Users that belong to it." example:"12"`
}

type companiesRequest struct {
	Scope
	Listing
	Text string `query:"q" maxLength:"1024" doc:"Only companies with this text in id, name or domain, in any case." example:"acme"`
}

type companiesAnswer struct {
	Body struct {
		Companies []Company `json:"companies" nullable:"false" doc:"Also those without calls within the range."`
		Next      string    `json:"next" doc:"Cursor of the next page; empty at the end." example:""`
	}
}

type profileRequest struct {
	ID  string `path:"id" maxLength:"1024" doc:"The customer's id." example:"acme"`
	App string `query:"app" maxLength:"255" doc:"The application's id. It may be left out when there is one application." example:"app_k3v9x2m7q4ts"`
}

type companyAnswer struct{ Body CompanyProfile }

func (a *api) addCompanies() {
	tags := []string{"customers"}
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-companies", Method: http.MethodGet, Path: "/api/v1/companies", Tags: tags, Metadata: needs(access.ReadCustomers), Errors: []int{401, 404, 422, 503, 504},
		Summary: "Companies and their usage", Description: "Of the last 30 days unless said otherwise.",
	}, func(ctx context.Context, r *companiesRequest) (*companiesAnswer, error) {
		answer, err := a.companies(ctx, r)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return answer, nil
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-company", Method: http.MethodGet, Path: "/api/v1/companies/{id}", Tags: tags, Metadata: needs(access.ReadCustomers), Errors: []int{401, 404, 422, 503},
		Summary: "What is known of a company",
	}, func(ctx context.Context, r *profileRequest) (*companyAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		c, err := a.Customers.Company(ctx, app.ID, r.ID)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return &companyAnswer{Body: CompanyProfile{
			CompanyID: c.ID, Name: c.Name, Domain: c.Domain,
			FirstSeen: timeOrNull(c.FirstSeen), LastSeen: timeOrNull(c.LastSeen), Metadata: c.Metadata, Users: c.Users,
		}}, nil
	})
}

func (a *api) companies(ctx context.Context, r *companiesRequest) (*companiesAnswer, error) {
	f, err := a.filter(r.Scope, Which{}, customersRange)
	if err != nil {
		return nil, err
	}
	usage, err := a.usageByID(ctx, f, events.ByCompany)
	if err != nil {
		return nil, err
	}
	named := r.named(r.Text)
	profiles, err := a.Customers.Companies(ctx, f.App, named)
	if err != nil {
		return nil, err
	}
	// Who called for the first time a moment ago has no profile yet.
	for id := range missing(usage, profiles, func(c customers.Company) string { return c.ID }) {
		profiles = append(profiles, customers.Company{ID: id})
	}
	rows := make([]Company, 0, len(profiles))
	for _, c := range profiles {
		if contains(r.Text, c.ID, c.Name, c.Domain) {
			u := usage[c.ID]
			rows = append(rows, Company{CompanyID: c.ID, Name: c.Name, Domain: c.Domain, Users: u.Users, Usage: usageOf(u, c.FirstSeen, c.LastSeen)})
		}
	}
	answer := &companiesAnswer{}
	answer.Body.Companies, answer.Body.Next, err = page(rows, func(c Company) rank { return c.rank(c.CompanyID, c.Name) }, r.Listing)
	if err == nil && !named {
		err = label(ctx, a.Customers, f.App, customers.KindCompany, answer.Body.Companies, func(c *Company) (string, *string, *string) { return c.CompanyID, &c.Name, &c.Domain })
	}
	return answer, err
}

// label gives the rows of a page the names and details that were left out of the list.
func label[T any](ctx context.Context, s *customers.Store, app, kind string, rows []T, of func(*T) (id string, name, detail *string)) error {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i], _, _ = of(&rows[i])
	}
	labels, err := s.Labels(ctx, app, kind, ids)
	for i := range rows {
		id, name, detail := of(&rows[i])
		*name, *detail = labels[id].Name, labels[id].Detail
	}
	return err
}

// usageByID returns the usage of every customer that made calls.
func (a *api) usageByID(ctx context.Context, f events.Filter, by string) (map[string]events.Customer, error) {
	list, err := a.Events.Customers(ctx, f, by)
	if err != nil {
		return nil, err
	}
	usage := make(map[string]events.Customer, len(list))
	for _, c := range list {
		if c.ID != "" {
			usage[c.ID] = c
		}
	}
	return usage, nil
}

// missing returns the ids of usage that have no profile.
func missing[P any](usage map[string]events.Customer, profiles []P, idOf func(P) string) map[string]struct{} {
	ids := make(map[string]struct{}, len(usage))
	for id := range usage {
		ids[id] = struct{}{}
	}
	for _, p := range profiles {
		delete(ids, idOf(p))
	}
	return ids
}
