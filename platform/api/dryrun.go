package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/rules"
)

// dryRunRange is how far back a dry run goes when nothing else is said, and
// maxDryRunRange how far it may go: as far as events are taken.
const (
	dryRunRange    = 7 * 24 * time.Hour
	maxDryRunRange = 90 * 24 * time.Hour
)

// DryRun is what a rule would have done to calls that are stored.
type DryRun struct {
	From         time.Time       `json:"from" doc:"Begin of the range." example:"2026-11-22T00:00:00Z"`
	To           time.Time       `json:"to" doc:"End of the range." example:"2026-11-24T10:00:00Z"`
	Reached      time.Time       `json:"reached" doc:"How far back it got, from the newest call on; the begin of the range when it is complete." example:"2026-11-22T00:00:00Z"`
	Complete     bool            `json:"complete" doc:"Whether all calls of the range were looked at. It ends after 250,000 calls or 8 seconds." example:"true"`
	Looked       int64           `json:"looked" doc:"Calls it looked at." example:"120000"`
	Applied      int64           `json:"applied" doc:"Calls the rule would have applied to: blocked them, or added its headers if it does not block." example:"312"`
	Blocks       bool            `json:"blocks" doc:"Whether the rule blocks." example:"true"`
	Already      int64           `json:"already" doc:"Of the calls it would have applied to: those that some rule blocked anyway." example:"0"`
	NotGoverned  int64           `json:"not_governed" doc:"Calls that no rule sees, because their authentication failed." example:"14"`
	Unknown      int64           `json:"unknown" doc:"Calls of which it cannot be said, because what the conditions look at is not stored." example:"3"`
	Reasons      []DryRunReason  `json:"reasons" nullable:"false" doc:"Why."`
	Anonymous    int64           `json:"anonymous" doc:"Of the calls it would have applied to: those with neither user nor company." example:"20"`
	CompanyCount int             `json:"company_count" doc:"Companies it would have affected." example:"4"`
	UserCount    int             `json:"user_count" doc:"Users it would have affected." example:"9"`
	Companies    []AffectedCalls `json:"companies" nullable:"false" doc:"The most affected companies, at most 100."`
	Users        []AffectedCalls `json:"users" nullable:"false" doc:"The most affected users, at most 100."`
	Calls        []Event         `json:"calls" nullable:"false" doc:"The newest calls it would have applied to, at most 100, without headers and bodies."`
}

// DryRunReason is why calls could not be judged.
type DryRunReason struct {
	Path  string `json:"path" doc:"What the rule looks at." example:"request.body.plan"`
	Why   string `json:"why" enum:"masked,not_kept,cut" doc:"masked: the value was masked before it was sent. not_kept: there was a body, but it is not stored. cut: only the body's beginning is stored." example:"masked"`
	Calls int64  `json:"calls" doc:"How many calls." example:"3"`
}

// AffectedCalls is a customer that a rule would have affected.
type AffectedCalls struct {
	ID    string `json:"id" doc:"The customer's id." example:"acme"`
	Calls int64  `json:"calls" doc:"The calls it would have applied to." example:"200"`
}

type draftDryRunRequest struct {
	Scope
	Body RuleDraft
}

type ruleDryRunRequest struct {
	Scope
	ID string `path:"id" maxLength:"64" doc:"The rule's id." example:"64ca685a833073c6b41b15f3"`
}

type dryRunAnswer struct{ Body DryRun }

// PreviewRequest asks for what a rule answers.
type PreviewRequest struct {
	Rule     RuleDraft         `json:"rule" doc:"The rule, saved or not."`
	Customer string            `json:"customer" required:"false" maxLength:"1024" doc:"User or company, as the rule's type says; left out it is somebody who is not identified." example:"acme"`
	Values   map[string]string `json:"values" required:"false" doc:"Values of merge tags that are not those of the profile, for a customer whom the rule does not name." example:"{\"0\":\"free\"}"`
}

// RulePreview is what a rule answers a customer with.
type RulePreview struct {
	Applies bool              `json:"applies" doc:"Whether the rule is for this customer, if its conditions hold." example:"true"`
	Blocked bool              `json:"blocked" doc:"Whether it answers instead of the backend." example:"true"`
	Status  int               `json:"status" doc:"Status of the answer; 0 when the call is not blocked." example:"429"`
	Headers map[string]string `json:"headers" doc:"Headers that are set on the answer." example:"{\"X-Plan\":\"free\"}"`
	Body    json.RawMessage   `json:"body" doc:"Body of the answer; null when the call is not blocked, or the status has none." example:"{\"error\":\"over the limit of plan free\"}"`
}

type previewRuleRequest struct {
	OfApp
	Body PreviewRequest
}

type previewRuleAnswer struct{ Body RulePreview }

func (a *api) addDryRun() {
	tags := []string{"governance"}
	huma.Register(a.huma, huma.Operation{
		OperationID: "dry-run-draft", Method: http.MethodPost, Path: "/api/v1/rules/dry-run", Tags: tags, Metadata: needs(access.ReadEvents), Errors: []int{401, 404, 413, 422, 503, 504},
		MaxBodyBytes: maxRuleRequest, BodyReadTimeout: bodyTime,
		Summary: "Try a rule on stored calls, before it is saved", Description: "What it would have done, alone, decided by the engine of the gateways. " +
			"Of the last 7 days unless said otherwise, 90 at most. Nothing is changed.",
	}, func(ctx context.Context, r *draftDryRunRequest) (*dryRunAnswer, error) {
		u, err := r.Body.rule()
		if err != nil {
			return nil, err
		}
		return a.dryRun(ctx, r.Scope, u)
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "dry-run-rule", Method: http.MethodGet, Path: "/api/v1/rules/{id}/dry-run", Tags: tags, Metadata: needs(access.ReadEvents), Errors: []int{401, 404, 422, 503, 504},
		Summary: "Try a rule on stored calls", Description: "Of the last 7 days unless said otherwise, 90 at most; for a rule in shadow since it is, which is its report.",
	}, func(ctx context.Context, r *ruleDryRunRequest) (*dryRunAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		u, err := a.Rules.Rule(ctx, app.ID, r.ID)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		if oldest := a.Clock().Add(-maxDryRunRange); r.From == "" && u.State == rules.Shadow && u.StateAt.After(oldest) {
			r.From = u.StateAt.Format(time.RFC3339Nano)
		}
		return a.dryRun(ctx, r.Scope, u)
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "preview-rule", Method: http.MethodPost, Path: "/api/v1/rules/preview", Tags: tags, Metadata: needs(access.ReadRules), Errors: []int{401, 404, 413, 422, 503},
		MaxBodyBytes: maxRuleRequest, BodyReadTimeout: bodyTime,
		Summary: "What a rule answers a customer with", Description: "With its merge tags filled in, as the gateways do it. Nothing is changed.",
	}, func(ctx context.Context, r *previewRuleRequest) (*previewRuleAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		u, err := r.Body.Rule.rule()
		if err != nil {
			return nil, err
		}
		p, err := a.Rules.Preview(ctx, app.ID, u, r.Body.Customer, r.Body.Values)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		d := p.Decision
		shown := RulePreview{Applies: p.Applies, Blocked: d.Blocked, Status: d.Status, Headers: map[string]string{}, Body: d.Body}
		for _, h := range d.Headers {
			shown.Headers[h.Name] = h.Value
		}
		if len(shown.Body) == 0 {
			shown.Body = json.RawMessage("null")
		}
		return &previewRuleAnswer{Body: shown}, nil
	})
}

// dryRun tries u on the calls of a range.
func (a *api) dryRun(ctx context.Context, s Scope, u rules.Rule) (*dryRunAnswer, error) {
	app, err := a.application(s.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	in, err := parseSpan(s.From, s.To, a.Clock(), dryRunRange)
	if err != nil {
		return nil, err
	}
	if in.to.Sub(in.from) > maxDryRunRange+time.Second {
		return nil, unprocessable("query.from", "must be at most 90 days before the end of the range")
	}
	o, err := a.Rules.DryRun(ctx, traffic{a.Events}, app.ID, u, in.from, in.to)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	return &dryRunAnswer{Body: dryRunOf(o, u.Wire.Block)}, nil
}

func dryRunOf(o rules.Outcome, blocks bool) DryRun {
	shown := DryRun{
		From: o.From, To: o.To, Reached: o.Reached, Complete: o.Complete, Looked: o.Looked, Applied: o.Applied, Blocks: blocks, Already: o.Already,
		NotGoverned: o.NotAsked, Unknown: o.Unknown, Anonymous: o.Anonymous, CompanyCount: o.CompanyCount, UserCount: o.UserCount,
		Reasons: make([]DryRunReason, len(o.Reasons)), Companies: affected(o.Companies), Users: affected(o.Users), Calls: make([]Event, len(o.Calls)),
	}
	for i, r := range o.Reasons {
		shown.Reasons[i] = DryRunReason(r)
	}
	for i, e := range o.Calls {
		shown.Calls[i] = Event(e)
	}
	return shown
}

func affected(list []rules.Affected) []AffectedCalls {
	out := make([]AffectedCalls, len(list))
	for i, c := range list {
		out[i] = AffectedCalls(c)
	}
	return out
}

// traffic gives a dry run the calls that are stored.
type traffic struct{ events Events }

var _ rules.Traffic = traffic{}

func (t traffic) Calls(ctx context.Context, s rules.Span, each func(*wire.Event) error) error {
	return t.events.Walk(ctx, events.Walk{
		App: s.App, From: s.From, To: s.To, BeforeID: s.BeforeID, Limit: s.Limit, Headers: s.Headers, Bodies: s.Bodies,
	}, each)
}
