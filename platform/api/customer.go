package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/cohorts"
	"github.com/gatemeter/gatemeter/platform/customers"
	"github.com/gatemeter/gatemeter/platform/rules"
)

// Standing is what a customer is in and under.
type Standing struct {
	Cohorts []CustomerCohort `json:"cohorts" nullable:"false" doc:"The cohorts it is in, the latest entered first."`
	Rules   []CustomerRule   `json:"rules" nullable:"false" doc:"The rules in force that apply to its calls, in the order in which they are served."`
}

// CustomerCohort is a cohort that a customer is in.
type CustomerCohort struct {
	ID        string    `json:"id" doc:"The cohort's id." example:"co_64ca685a833073c6b41b15f3"`
	Name      string    `json:"name" doc:"Its name." example:"Gone quiet"`
	EnteredAt time.Time `json:"entered_at" doc:"Since when the customer is in it." example:"2026-11-22T10:00:00Z"`
}

// CustomerRule is a rule that applies to a customer.
type CustomerRule struct {
	ID     string `json:"id" doc:"The rule's id." example:"64ca685a833073c6b41b15f3"`
	Name   string `json:"name" doc:"Its name." example:"Free plan: 1,000 calls a month"`
	Block  bool   `json:"block" doc:"Whether it blocks calls; otherwise it adds headers to answers." example:"true"`
	Status int    `json:"status" doc:"Status of blocked calls." example:"429"`
	Why    string `json:"why" enum:"customer,cohort,not_matching,everyone" doc:"customer: it names the customer; cohort: the customer is in its cohort; not_matching: it is for all but some; everyone: it is for whoever calls." example:"cohort"`
	Cohort string `json:"cohort" doc:"The cohort it follows; empty when it follows none." example:"co_64ca685a833073c6b41b15f3"`
	Some   bool   `json:"some" doc:"Whether only calls that fit its conditions are concerned." example:"false"`
}

// Subscription is what a company has subscribed to.
type Subscription struct {
	SubscriptionID string             `json:"subscription_id" doc:"Its id." example:"sub_1"`
	Status         string             `json:"status" doc:"active, cancelled, paused, trialing, pending, draft or future; empty when unknown." example:"active"`
	PeriodStart    *time.Time         `json:"current_period_start" doc:"Begin of the current period; null when unknown." example:"2026-11-01T00:00:00Z"`
	PeriodEnd      *time.Time         `json:"current_period_end" doc:"Its end; null when unknown." example:"2026-12-01T00:00:00Z"`
	Items          []SubscriptionItem `json:"items" nullable:"false" doc:"What it is to."`
	Metadata       json.RawMessage    `json:"metadata" doc:"What was sent to the collector about it, merged." example:"{\"seats\":3}"`
	ModifiedAt     *time.Time         `json:"modified_at" doc:"When it was told of last." example:"2026-11-22T10:00:00Z"`
}

// SubscriptionItem is one plan of a subscription.
type SubscriptionItem struct {
	PlanID  string `json:"plan_id" doc:"The plan." example:"growth"`
	PriceID string `json:"price_id" doc:"The price; empty when unknown." example:"growth-monthly"`
	Unit    string `json:"unit_of_measure" doc:"What is counted; empty when unknown." example:"calls"`
}

type standingAnswer struct{ Body Standing }

type subscriptionsAnswer struct {
	Body struct {
		Subscriptions []Subscription `json:"subscriptions" nullable:"false" doc:"The latest told of first, 200 at most."`
	}
}

func (a *api) addCustomer() {
	tags := []string{"customers"}
	errs := []int{401, 404, 422, 503}
	for _, of := range []struct{ kind, plural string }{{customers.KindUser, "users"}, {customers.KindCompany, "companies"}} {
		huma.Register(a.huma, huma.Operation{
			OperationID: "get-" + of.kind + "-standing", Method: http.MethodGet, Path: "/api/v1/" + of.plural + "/{id}/standing", Tags: tags, Metadata: needs(access.ReadCustomers), Errors: errs,
			Summary: "Which cohorts a " + of.kind + " is in, and which rules apply to it",
		}, func(ctx context.Context, r *profileRequest) (*standingAnswer, error) {
			answer, err := a.standing(ctx, of.kind, r)
			if err != nil {
				return nil, a.failure(ctx, err)
			}
			return answer, nil
		})
	}
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-subscriptions", Method: http.MethodGet, Path: "/api/v1/companies/{id}/subscriptions", Tags: tags, Metadata: needs(access.ReadCustomers), Errors: errs,
		Summary: "What a company has subscribed to",
	}, a.subscriptions)
}

func (a *api) standing(ctx context.Context, kind string, r *profileRequest) (*standingAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, err
	}
	in, err := a.Cohorts.Of(ctx, app.ID, kind, r.ID)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(in))
	for i, m := range in {
		ids[i] = m.Cohort
	}
	under, err := a.Rules.Applying(ctx, app.ID, kind, r.ID, ids)
	if err != nil {
		return nil, err
	}
	return &standingAnswer{Body: Standing{Cohorts: customerCohortsOf(in), Rules: customerRulesOf(under)}}, nil
}

func customerCohortsOf(list []cohorts.Membership) []CustomerCohort {
	shown := make([]CustomerCohort, len(list))
	for i, m := range list {
		shown[i] = CustomerCohort{ID: m.Cohort, Name: m.Name, EnteredAt: m.EnteredAt}
	}
	return shown
}

func customerRulesOf(list []rules.Applied) []CustomerRule {
	shown := make([]CustomerRule, len(list))
	for i, u := range list {
		shown[i] = CustomerRule{
			ID: u.Wire.ID, Name: u.Wire.Name, Block: u.Wire.Block, Status: u.Wire.Response.Status, Why: u.Why, Cohort: u.Cohort, Some: len(u.Wire.RegexConfig) > 0,
		}
	}
	return shown
}

func (a *api) subscriptions(ctx context.Context, r *profileRequest) (*subscriptionsAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	list, err := a.Customers.Subscriptions(ctx, app.ID, r.ID)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	answer := &subscriptionsAnswer{}
	answer.Body.Subscriptions = make([]Subscription, len(list))
	for i, v := range list {
		items := make([]SubscriptionItem, len(v.Items))
		for k, one := range v.Items {
			items[k] = SubscriptionItem{PlanID: one.PlanID, PriceID: one.PriceID, Unit: one.UnitOfMeasure}
		}
		answer.Body.Subscriptions[i] = Subscription{
			SubscriptionID: v.SubscriptionID, Status: v.Status, PeriodStart: timeOrNull(v.CurrentPeriodStart), PeriodEnd: timeOrNull(v.CurrentPeriodEnd),
			Items: items, Metadata: v.Metadata, ModifiedAt: timeOrNull(v.ModifiedAt),
		}
	}
	return answer, nil
}
