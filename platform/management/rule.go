package management

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/rules"
)

// states are a rule's states by the numbers of Moesif's documents. 2 is what an
// active rule was seen with; the others are not documented (Moesif wire, 4.8).
var states = []rules.State{rules.Off, rules.Shadow, rules.On}

// ruleDocument is Moesif's document of a governance rule.
type ruleDocument struct {
	ID                    string            `json:"_id"`
	CreatedAt             time.Time         `json:"created_at"`
	OrgID                 string            `json:"org_id"`
	AppID                 string            `json:"app_id"`
	Name                  string            `json:"name"`
	State                 *int              `json:"state"`
	Block                 *bool             `json:"block"`
	Type                  string            `json:"type"`
	AppliedTo             string            `json:"applied_to"`
	AppliedToUnidentified bool              `json:"applied_to_unidentified"`
	Variables             []wire.Variable   `json:"variables"`
	RegexConfig           []wire.RegexGroup `json:"regex_config"`
	Response              ruleResponse      `json:"response"`
	Cohorts               []cohortRef       `json:"cohorts"`
	Plans                 []json.RawMessage `json:"plans"`
	Priority              *int32            `json:"priority,omitempty"`
	Model                 string            `json:"model,omitempty"`

	// Customers are ours: the members of the rule's own cohort. Lists leave them out.
	Customers []rules.Customer `json:"customers,omitempty"`
}

type ruleResponse struct {
	Status              int               `json:"status"`
	Headers             map[string]string `json:"headers"`
	Body                json.RawMessage   `json:"body"`
	OriginalEncodedBody string            `json:"original_encoded_body,omitempty"`
}

type cohortRef struct {
	ID   string `json:"id"`
	Type string `json:"type,omitempty"`
}

// ruleExtra is what we keep of a document without acting upon it.
type ruleExtra struct {
	Priority            *int32 `json:"priority,omitempty"`
	Model               string `json:"model,omitempty"`
	OriginalEncodedBody string `json:"original_encoded_body,omitempty"`
}

// documentOf returns a rule as Moesif shows it.
func documentOf(app access.Application, u rules.Rule, x ruleExtra) ruleDocument {
	w := u.Wire
	state := slices.Index(states, u.State)
	d := ruleDocument{
		ID: w.ID, CreatedAt: w.CreatedAt, OrgID: orgID, AppID: appID(app), Name: w.Name, State: &state, Block: &w.Block, Type: w.Type,
		AppliedTo: w.AppliedTo, AppliedToUnidentified: w.AppliedToUnidentified, Variables: w.Variables, RegexConfig: w.RegexConfig,
		Response: ruleResponse{Status: w.Response.Status, Headers: w.Response.Headers, Body: w.Response.Body, OriginalEncodedBody: x.OriginalEncodedBody},
		Cohorts:  []cohortRef{}, Plans: []json.RawMessage{}, Priority: x.Priority, Model: x.Model, Customers: u.Customers,
	}
	if u.Cohort != "" {
		d.Cohorts = []cohortRef{{ID: u.Cohort, Type: w.Type}}
		d.Customers = nil // they are the cohort's members
	}
	return d
}

// readRule reads what a script sends. before is the rule that it changes, nil for a
// new one.
func readRule(data []byte, before *ruleDocument) (rules.Rule, ruleExtra, error) {
	var d ruleDocument
	if err := overlay(data, before, &d); err != nil {
		return rules.Rule{}, ruleExtra{}, err
	}
	return d.rule()
}

// overlay reads a document: members that are left out are those of before, unless
// that is nil. What only the server sets is not looked at, so that a document can be
// sent back as it was read; otherwise what is not known is refused.
func overlay[D any](data []byte, before, into *D, readOnly ...string) error {
	var sent map[string]json.RawMessage
	if err := json.Unmarshal(data, &sent); err != nil || sent == nil {
		return bad("body", "must be a JSON object")
	}
	if before != nil {
		text, err := json.Marshal(before)
		if err != nil {
			return err
		}
		var whole map[string]json.RawMessage
		if err := json.Unmarshal(text, &whole); err != nil {
			return err
		}
		maps.Copy(whole, sent)
		sent = whole
	}
	for _, name := range append(readOnly, "_id", "created_at", "org_id", "app_id") {
		delete(sent, name)
	}
	text, err := json.Marshal(sent)
	if err != nil {
		return err
	}
	if err := strictly(text, into); err != nil {
		return bad("body", "%v", err)
	}
	return nil
}

// strictly reads JSON that has nothing that is not known.
func strictly(text []byte, into any) error {
	if len(text) == 0 {
		return errors.New("is missing")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// rule checks what only Moesif's documents have, and returns the rest.
func (d ruleDocument) rule() (rules.Rule, ruleExtra, error) {
	switch {
	case d.State == nil:
		return rules.Rule{}, ruleExtra{}, bad("state", "is missing: 0 is off, 1 shadow, 2 on")
	case *d.State < 0 || *d.State >= len(states):
		return rules.Rule{}, ruleExtra{}, bad("state", "must be 0, 1 or 2: off, shadow, on (is %d)", *d.State)
	case d.Block == nil:
		return rules.Rule{}, ruleExtra{}, bad("block", "is missing: say whether calls are blocked")
	case len(d.Cohorts) > 1:
		return rules.Rule{}, ruleExtra{}, bad("cohorts", "must be one: make a cohort of all of them")
	case len(d.Cohorts) == 1 && d.Cohorts[0].ID == "":
		return rules.Rule{}, ruleExtra{}, bad("cohorts[0].id", "is missing")
	case len(d.Plans) > 0:
		return rules.Rule{}, ruleExtra{}, bad("plans", "quota rules by plan are not known here: name the members in customers")
	case len(d.Model) > 100, len(d.Response.OriginalEncodedBody) > 128<<10:
		return rules.Rule{}, ruleExtra{}, bad("body", "model or response.original_encoded_body is too long")
	}
	u := rules.Rule{
		State: states[*d.State],
		Wire: wire.Rule{
			Name: d.Name, Type: d.Type, Block: *d.Block, AppliedTo: d.AppliedTo, AppliedToUnidentified: d.AppliedToUnidentified,
			Variables: d.Variables, RegexConfig: d.RegexConfig,
			Response: wire.RuleResponse{Status: d.Response.Status, Headers: d.Response.Headers, Body: d.Response.Body},
		},
		Customers: d.Customers,
	}
	if len(d.Cohorts) == 1 {
		u.Cohort = d.Cohorts[0].ID
	}
	return u, ruleExtra{d.Priority, d.Model, d.Response.OriginalEncodedBody}, nil
}
