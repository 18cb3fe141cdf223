package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/rules"
)

// RuleVersion is one change of a rule.
type RuleVersion struct {
	Version int64        `json:"version" doc:"Its number, for going back to it." example:"42"`
	RuleID  string       `json:"rule_id" doc:"The rule; empty where the order of all rules was changed." example:"64ca685a833073c6b41b15f3"`
	Name    string       `json:"name" doc:"The rule's name, then." example:"Free plan: 1,000 calls a month"`
	At      time.Time    `json:"at" doc:"When." example:"2026-11-22T10:00:00.123456Z"`
	Who     string       `json:"who" doc:"Who did it: an e-mail address, or what else signed in; empty when it is not known." example:"owner@shop.example"`
	How     string       `json:"how" enum:"before,created,changed,deleted,reverted,ordered" doc:"What was done. before: what the rule was when its history began." example:"changed"`
	State   string       `json:"state" enum:"off,shadow,on" doc:"The rule's state, then." example:"on"`
	Exists  bool         `json:"exists" doc:"Whether the rule is there now." example:"true"`
	Changes []RuleChange `json:"changes" nullable:"false" doc:"What is other than in the version before."`
}

// RuleChange is what became of one field.
type RuleChange struct {
	Field  string          `json:"field" doc:"The field's name." example:"response.status"`
	Before json.RawMessage `json:"before" doc:"Its value before. Of customers and of the order only what changed is told." example:"429"`
	After  json.RawMessage `json:"after" doc:"Its value after." example:"403"`
}

type historyRequest struct {
	OfApp
	Before int64 `query:"before" minimum:"0" doc:"The member next of the page before." example:"0"`
}

type ruleHistoryRequest struct {
	OfRule
	Before int64 `query:"before" minimum:"0" doc:"The member next of the page before." example:"0"`
}

type historyAnswer struct {
	Body struct {
		Versions []RuleVersion `json:"versions" nullable:"false" doc:"The newest first, at most 100."`
		Next     int64         `json:"next" doc:"Where the next, older page begins; 0 at the end." example:"0"`
	}
}

type versionRequest struct {
	OfRule
	Version int64 `path:"version" minimum:"1" doc:"The version's number." example:"42"`
}

type revertRequest struct {
	OfRule
	Body struct {
		Version int64  `json:"version" minimum:"1" doc:"The number of the version to go back to." example:"42"`
		State   string `json:"state" required:"false" enum:"off,shadow,on" doc:"What to do with it. Left out it stays in its state; a deleted one is then off." example:"off"`
	}
}

func (a *api) addRuleHistory() {
	tags := []string{"governance"}
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-rule-history", Method: http.MethodGet, Path: "/api/v1/rules/history", Tags: tags, Metadata: needs(access.ReadRules), Errors: []int{401, 404, 422, 503},
		Summary: "Who changed which rule", Description: "Deleted rules and changes of the order are there too. The last 100 changes of a rule are kept, and 5,000 of an application.",
	}, func(ctx context.Context, r *historyRequest) (*historyAnswer, error) {
		return a.ruleHistory(ctx, r.App, "", r.Before)
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-rule-history", Method: http.MethodGet, Path: "/api/v1/rules/{id}/history", Tags: tags, Metadata: needs(access.ReadRules), Errors: []int{401, 404, 422, 503},
		Summary: "Who changed a rule", Description: "Also of one that was deleted.",
	}, func(ctx context.Context, r *ruleHistoryRequest) (*historyAnswer, error) {
		return a.ruleHistory(ctx, r.App, r.ID, r.Before)
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-rule-version", Method: http.MethodGet, Path: "/api/v1/rules/{id}/versions/{version}", Tags: tags, Metadata: needs(access.ReadRules), Errors: []int{401, 404, 422, 503},
		Summary: "A rule as it was",
	}, func(ctx context.Context, r *versionRequest) (*ruleAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		u, err := a.Rules.VersionOf(ctx, app.ID, r.ID, r.Version)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return &ruleAnswer{Body: ruleOf(u)}, nil
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "revert-rule", Method: http.MethodPost, Path: "/api/v1/rules/{id}/revert", Tags: tags, Metadata: needs(access.WriteRules), Errors: []int{401, 403, 404, 422, 503},
		Summary: "Go back to a version of a rule", Description: "A deleted rule is there again, with its id. Nothing is switched on unless state says so. Gateways that wait for changes are told at once.",
	}, func(ctx context.Context, r *revertRequest) (*ruleAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		u, err := a.Rules.Revert(a.by(ctx), app, r.ID, r.Body.Version, rules.State(r.Body.State))
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return &ruleAnswer{Body: ruleOf(u)}, nil
	})
}

func (a *api) ruleHistory(ctx context.Context, appID, id string, before int64) (*historyAnswer, error) {
	app, err := a.application(appID)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	list, next, err := a.Rules.History(ctx, app.ID, id, before)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	answer := &historyAnswer{}
	answer.Body.Next = next
	answer.Body.Versions = make([]RuleVersion, len(list))
	for i, v := range list {
		shown := RuleVersion{
			Version: v.Number, RuleID: v.RuleID, Name: v.Name, At: v.At, Who: v.Who, How: string(v.How), State: string(v.State),
			Exists: v.Exists, Changes: make([]RuleChange, len(v.Changes)),
		}
		for j, c := range v.Changes {
			shown.Changes[j] = RuleChange(c)
		}
		answer.Body.Versions[i] = shown
	}
	return answer, nil
}

// by returns ctx with the name of who makes the request, for the history.
func (a *api) by(ctx context.Context) context.Context {
	p := principal(ctx)
	switch {
	case p.Email != "":
		return rules.By(ctx, p.Email)
	case p.Admin:
		return rules.By(ctx, "administrator's token")
	case p.FirstRun:
		return rules.By(ctx, "first sign-in")
	}
	return rules.By(ctx, "person "+strconv.Quote(p.Person))
}
