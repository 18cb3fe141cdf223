package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/rules"
)

type stateRequest struct {
	OfRule
	Body struct {
		State string `json:"state" enum:"off,shadow,on" doc:"What to do with it." example:"on"`
	}
}

type customersOfRuleRequest struct {
	OfRule
	Body struct {
		Customers []RuleCustomer `json:"customers" nullable:"false" doc:"The whole cohort: users or companies, as the rule's type says, at most 100,000."`
	}
}

type orderRequest struct {
	OfApp
	Body struct {
		Rules []string `json:"rules" nullable:"false" doc:"The ids of all rules, in the order in which they are to be served." example:"[\"64ca685a833073c6b41b15f3\"]"`
	}
}

func (a *api) addRuleStates() {
	tags := []string{"governance"}
	const atOnce = "Gateways that wait for changes are told at once."
	huma.Register(a.huma, huma.Operation{
		OperationID: "switch-rule", Method: http.MethodPut, Path: "/api/v1/rules/{id}/state", Tags: tags, Metadata: needs(access.WriteRules), Errors: []int{401, 403, 404, 422, 503},
		Summary: "Switch a rule off, to shadow, or on", Description: atOnce,
	}, func(ctx context.Context, r *stateRequest) (*ruleAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		u, err := a.Rules.SetState(a.by(ctx), app, r.ID, rules.State(r.Body.State))
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return &ruleAnswer{Body: ruleOf(u)}, nil
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "set-rule-customers", Method: http.MethodPut, Path: "/api/v1/rules/{id}/customers", Tags: tags, Metadata: needs(access.WriteRules), Errors: []int{401, 403, 404, 413, 422, 503},
		MaxBodyBytes: maxRuleRequest, BodyReadTimeout: bodyTime,
		Summary: "Replace the cohort of a rule", Description: "The rest of the rule stays as it is. " + atOnce,
	}, func(ctx context.Context, r *customersOfRuleRequest) (*ruleAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		u, err := a.Rules.SetCustomers(a.by(ctx), app, r.ID, ruleCustomers(r.Body.Customers))
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return &ruleAnswer{Body: ruleOf(u)}, nil
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "order-rules", Method: http.MethodPut, Path: "/api/v1/rules/order", Tags: tags, Metadata: needs(access.WriteRules), Errors: []int{401, 403, 404, 422, 503},
		Summary: "Order the rules", Description: "Rules on whoever calls are applied first, then those on companies, then those on users; each of these kinds in this order. " +
			"Of two that block a call the one applied later answers. " + atOnce,
	}, func(ctx context.Context, r *orderRequest) (*rulesAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		if err := a.Rules.SetOrder(a.by(ctx), app, r.Body.Rules); err != nil {
			return nil, a.failure(ctx, err)
		}
		return a.listRules(ctx, &r.OfApp)
	})
}

func ruleCustomers(list []RuleCustomer) []rules.Customer {
	out := make([]rules.Customer, len(list))
	for i, c := range list {
		out[i] = rules.Customer(c)
	}
	return out
}
