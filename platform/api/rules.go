package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/rules"
)

const (
	// maxRuleRequest is enough for the largest cohort with usual ids and values.
	maxRuleRequest = 64 << 20
	// bodyTime bounds how long such a body may take to come in; it leaves time
	// to store it within answerTime.
	bodyTime = 20 * time.Second
)

// Rule is a governance rule.
type Rule struct {
	ID                    string         `json:"id" readOnly:"true" required:"false" doc:"Given by the platform. Blocked calls have it as blocked_by." example:"64ca685a833073c6b41b15f3"`
	Name                  string         `json:"name" doc:"Name for people, at most 200 characters." example:"Free plan: 1,000 calls a month"`
	Type                  string         `json:"type" enum:"user,company,regex" doc:"Whose membership decides: the user's, the company's, or nobody's (regex: whoever calls)." example:"company"`
	State                 string         `json:"state" required:"false" enum:"off,shadow,on" doc:"on: gateways enforce it. shadow: they do not hear of it; what it would have done is told of the calls that arrive (see dry-run). off: nothing. A rule begins switched off unless said otherwise." example:"on"`
	Enabled               *bool          `json:"enabled,omitempty" writeOnly:"true" required:"false" nullable:"false" doc:"Short for the state: true is on, false is off. Only where state is left out, and only in requests." example:"true"`
	Block                 bool           `json:"block" required:"false" doc:"Whether calls are answered with the response instead of being passed on. Otherwise its headers are added to the answer." example:"true"`
	AppliedTo             string         `json:"applied_to" required:"false" enum:"matching,not_matching" doc:"Whether it applies to the customers, or to all others. Left out it is matching." example:"matching"`
	AppliedToUnidentified bool           `json:"applied_to_unidentified" required:"false" doc:"Whether it also applies to callers of whom no user (company) is known." example:"false"`
	Variables             []Variable     `json:"variables" required:"false" nullable:"false" doc:"Merge tags that headers and body of the response may have, at most 100."`
	RegexConfig           []RegexGroup   `json:"regex_config" required:"false" nullable:"false" doc:"The calls it applies to: those for which all conditions of one of these groups hold; all calls when there is no group."`
	Response              RuleResponse   `json:"response" required:"false" doc:"What it answers with." example:"{\"status\":429,\"headers\":{\"X-Plan\":\"{{0}}\"},\"body\":{\"error\":\"over the limit of plan {{0}}\"}}"`
	Customers             []RuleCustomer `json:"customers" required:"false" nullable:"false" doc:"Its cohort, by id: users or companies, as the type says, at most 100,000; none for the type regex."`
	Cohort                string         `json:"cohort" required:"false" maxLength:"64" doc:"Id of a cohort whose members are its customers, followed live; then customers is empty." example:"co_64ca685a833073c6b41b15f3"`
	StateSince            time.Time      `json:"state_since" readOnly:"true" required:"false" doc:"Since when it is in its state." example:"2026-11-22T10:00:00.123456Z"`
	CreatedAt             time.Time      `json:"created_at" readOnly:"true" required:"false" doc:"When it was made." example:"2026-11-22T10:00:00.123456Z"`
	UpdatedAt             time.Time      `json:"updated_at" readOnly:"true" required:"false" doc:"When it was changed last." example:"2026-11-22T10:00:00.123456Z"`
}

// TransformSchema says that answers have every member; RuleDraft may leave out some.
func (Rule) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	delete(s.Properties, "enabled")
	return complete(s)
}

// RuleDraft is a rule as it is sent. What is read-only is not looked at, so that a
// rule can be sent back as it was read.
type RuleDraft Rule

// Variable is a merge tag.
type Variable struct {
	Name string `json:"name" doc:"Name in a tag like {{0}}, and in the values of customers." example:"0"`
	Path string `json:"path" doc:"Where in the customer's profile the value comes from, for those to whom the rule gives none." example:"body.plan"`
}

// RegexGroup is a list of conditions that must all hold.
type RegexGroup struct {
	Conditions []Condition `json:"conditions" nullable:"false" doc:"At most 100; a group without any holds for every call."`
}

// Condition looks at one part of a call.
type Condition struct {
	Path  string `json:"path" doc:"request.verb, request.route (the URL's path), request.ip_address, request.headers.NAME or request.body.KEY." example:"request.route"`
	Value string `json:"value" doc:"Regular expression (RE2), not anchored, that must be found there." example:"^/orders"`
}

// RuleResponse is what a rule answers with.
type RuleResponse struct {
	Status  int               `json:"status" required:"false" doc:"HTTP status of blocked calls. Left out of a rule that blocks it is 429." example:"429"`
	Headers map[string]string `json:"headers" required:"false" doc:"Header fields of the answer, whether the call is blocked or not; values may have merge tags." example:"{\"X-Plan\":\"{{0}}\"}"`
	Body    json.RawMessage   `json:"body" required:"false" doc:"Body of blocked calls, any JSON of at most 64 KiB; its strings may have merge tags. Left out it is an empty object." example:"{\"error\":\"over the limit of plan {{0}}\"}"`
}

// RuleCustomer is a member of a rule's cohort.
type RuleCustomer struct {
	ID     string            `json:"id" doc:"User id for a rule of type user, company id for one of type company." example:"acme"`
	Values map[string]string `json:"values" required:"false" doc:"Values of the rule's variables, by their names, where they are not those of the profile." example:"{\"0\":\"free\"}"`
}

// OfApp says which application a request is about.
type OfApp struct {
	App string `query:"app" maxLength:"255" doc:"The application's id. It may be left out when there is one application." example:"app_k3v9x2m7q4ts"`
}

// OfRule says which rule a request is about.
type OfRule struct {
	OfApp
	ID string `path:"id" maxLength:"64" doc:"The rule's id." example:"64ca685a833073c6b41b15f3"`
}

type addRuleRequest struct {
	OfApp
	Body RuleDraft
}

type changeRuleRequest struct {
	OfRule
	IfMatch string `header:"If-Match" maxLength:"64" doc:"The member updated_at of the rule that the change was made from: 409 when somebody changed it since. Left out it is not looked at." example:"2026-11-22T10:00:00.123456Z"`
	Body    RuleDraft
}

type rulesAnswer struct {
	Body struct {
		Rules []Rule `json:"rules" nullable:"false" doc:"All rules with their customers, in the order in which they are served: of two that block a call the later one answers."`
	}
}

type ruleAnswer struct{ Body Rule }

func (a *api) addRules() {
	tags := []string{"governance"}
	const atOnce = "Gateways that wait for changes are told at once."
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-rules", Method: http.MethodGet, Path: "/api/v1/rules", Tags: tags, Metadata: needs(access.ReadRules), Errors: []int{401, 404, 422, 503},
		Summary: "Governance rules",
	}, a.listRules)
	huma.Register(a.huma, huma.Operation{
		OperationID: "add-rule", Method: http.MethodPost, Path: "/api/v1/rules", Tags: tags, Metadata: needs(access.WriteRules), Errors: []int{401, 403, 404, 413, 422, 503},
		DefaultStatus: http.StatusCreated, MaxBodyBytes: maxRuleRequest, BodyReadTimeout: bodyTime,
		Summary: "Add a rule", Description: "It is served after all others. " + atOnce,
	}, a.addRule)
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-rule", Method: http.MethodGet, Path: "/api/v1/rules/{id}", Tags: tags, Metadata: needs(access.ReadRules), Errors: []int{401, 404, 422, 503},
		Summary: "One rule",
	}, a.getRule)
	huma.Register(a.huma, huma.Operation{
		OperationID: "change-rule", Method: http.MethodPut, Path: "/api/v1/rules/{id}", Tags: tags, Metadata: needs(access.WriteRules), Errors: []int{401, 403, 404, 409, 413, 422, 503},
		MaxBodyBytes: maxRuleRequest, BodyReadTimeout: bodyTime,
		Summary: "Replace a rule", Description: "Whole, with its customers: what is left out gets its default. Its place in the order stays. " + atOnce,
	}, a.changeRule)
	huma.Register(a.huma, huma.Operation{
		OperationID: "delete-rule", Method: http.MethodDelete, Path: "/api/v1/rules/{id}", Tags: tags, Metadata: needs(access.WriteRules), Errors: []int{401, 403, 404, 422, 503},
		DefaultStatus: http.StatusNoContent,
		Summary:       "Delete a rule", Description: "With its customers. Its history stays, and can bring it back. " + atOnce,
	}, a.deleteRule)
}

func (a *api) listRules(ctx context.Context, r *OfApp) (*rulesAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	list, err := a.Rules.List(ctx, app.ID)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	answer := &rulesAnswer{}
	answer.Body.Rules = make([]Rule, len(list))
	for i, u := range list {
		answer.Body.Rules[i] = ruleOf(u)
	}
	return answer, nil
}

func (a *api) addRule(ctx context.Context, r *addRuleRequest) (*ruleAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	u, err := r.Body.rule()
	if err != nil {
		return nil, err
	}
	access.Note(ctx, "name", r.Body.Name)
	access.Note(ctx, "state", string(u.State))
	u, err = a.Rules.Create(a.by(ctx), app, u)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	return &ruleAnswer{Body: ruleOf(u)}, nil
}

func (a *api) getRule(ctx context.Context, r *OfRule) (*ruleAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	u, err := a.Rules.Rule(ctx, app.ID, r.ID)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	return &ruleAnswer{Body: ruleOf(u)}, nil
}

func (a *api) changeRule(ctx context.Context, r *changeRuleRequest) (*ruleAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	u, err := r.Body.rule()
	if err != nil {
		return nil, err
	}
	access.Note(ctx, "name", r.Body.Name)
	access.Note(ctx, "state", string(u.State))
	if r.IfMatch != "" {
		if u.UpdatedAt, err = time.Parse(time.RFC3339Nano, strings.Trim(r.IfMatch, `"`)); err != nil {
			return nil, unprocessable("header.If-Match", "must be the member updated_at of a rule, as it was read")
		}
	}
	u, err = a.Rules.Replace(a.by(ctx), app, r.ID, u)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	return &ruleAnswer{Body: ruleOf(u)}, nil
}

func (a *api) deleteRule(ctx context.Context, r *OfRule) (*struct{}, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	if err := a.Rules.Delete(a.by(ctx), app, r.ID); err != nil {
		return nil, a.failure(ctx, err)
	}
	return nil, nil
}

// rule returns what is kept of a draft.
func (d RuleDraft) rule() (rules.Rule, error) {
	state := rules.State(d.State)
	if d.Enabled != nil {
		enabled := map[bool]rules.State{false: rules.Off, true: rules.On}[*d.Enabled]
		if state != "" && state != enabled {
			return rules.Rule{}, unprocessable("body.enabled", fmt.Sprintf("contradicts the state %s: give only one of them", state))
		}
		state = enabled
	}
	u := rules.Rule{State: state, Cohort: d.Cohort, Wire: wire.Rule{
		Name: d.Name, Type: d.Type, Block: d.Block, AppliedTo: d.AppliedTo, AppliedToUnidentified: d.AppliedToUnidentified,
		Response: wire.RuleResponse(d.Response),
	}}
	for _, v := range d.Variables {
		u.Wire.Variables = append(u.Wire.Variables, wire.Variable(v))
	}
	for _, g := range d.RegexConfig {
		u.Wire.RegexConfig = append(u.Wire.RegexConfig, wire.RegexGroup{Conditions: wireConditions(g.Conditions)})
	}
	u.Customers = make([]rules.Customer, len(d.Customers))
	for i, c := range d.Customers {
		u.Customers[i] = rules.Customer(c)
	}
	return u, nil
}

// ruleOf returns a rule as it is shown.
func ruleOf(u rules.Rule) Rule {
	w := u.Wire
	shown := Rule{
		ID: w.ID, Name: w.Name, Type: w.Type, State: string(u.State), StateSince: u.StateAt, Cohort: u.Cohort, Block: w.Block, AppliedTo: w.AppliedTo,
		AppliedToUnidentified: w.AppliedToUnidentified, Response: RuleResponse(w.Response), CreatedAt: w.CreatedAt, UpdatedAt: u.UpdatedAt,
		Variables: make([]Variable, len(w.Variables)), RegexConfig: make([]RegexGroup, len(w.RegexConfig)), Customers: make([]RuleCustomer, len(u.Customers)),
	}
	for i, v := range w.Variables {
		shown.Variables[i] = Variable(v)
	}
	for i, g := range w.RegexConfig {
		shown.RegexConfig[i] = RegexGroup{Conditions: conditionsOf(g.Conditions)}
	}
	for i, c := range u.Customers {
		shown.Customers[i] = RuleCustomer(c)
	}
	return shown
}

func wireConditions(list []Condition) []wire.Condition {
	out := make([]wire.Condition, len(list))
	for i, c := range list {
		out[i] = wire.Condition(c)
	}
	return out
}

func conditionsOf(list []wire.Condition) []Condition {
	out := make([]Condition, len(list))
	for i, c := range list {
		out[i] = Condition(c)
	}
	return out
}

// complete says that every member is always there.
func complete(s *huma.Schema) *huma.Schema {
	s.Required = slices.Clone(s.Required[:0])
	for name := range s.Properties {
		s.Required = append(s.Required, name)
	}
	slices.Sort(s.Required)
	return s
}
