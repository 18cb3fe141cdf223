package management

import (
	"bytes"
	"encoding/json"
	"maps"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/rules"
)

// A rule's state in Moesif's documents. 2 is what an active rule was seen with; the
// others are not documented (Moesif wire, 4.8).
const (
	stateOff = 0
	stateOn  = 2
)

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

// extra is what we keep of a document without acting upon it.
type extra struct {
	Priority            *int32 `json:"priority,omitempty"`
	Model               string `json:"model,omitempty"`
	OriginalEncodedBody string `json:"original_encoded_body,omitempty"`
}

// documentOf returns a rule as Moesif shows it.
func documentOf(app access.Application, u rules.Rule, x extra) ruleDocument {
	w := u.Wire
	state := stateOff
	if inForce(u) {
		state = stateOn
	}
	d := ruleDocument{
		ID: w.ID, CreatedAt: w.CreatedAt, OrgID: orgID, AppID: appID(app), Name: w.Name, State: &state, Block: &w.Block, Type: w.Type,
		AppliedTo: w.AppliedTo, AppliedToUnidentified: w.AppliedToUnidentified, Variables: w.Variables, RegexConfig: w.RegexConfig,
		Response: ruleResponse{Status: w.Response.Status, Headers: w.Response.Headers, Body: w.Response.Body, OriginalEncodedBody: x.OriginalEncodedBody},
		Cohorts:  []cohortRef{}, Plans: []json.RawMessage{}, Priority: x.Priority, Model: x.Model, Customers: u.Customers,
	}
	return d
}

// inForce and setInForce are the only places that know how a rule is switched.
func inForce(u rules.Rule) bool         { return u.Enabled }
func setInForce(u *rules.Rule, on bool) { u.Enabled = on }

// readRule reads what a script sends. before is the rule that it changes, nil for a
// new one: members that are left out stay as they are. What the server adds is not
// looked at, so that a rule can be sent back as it was read.
func readRule(data []byte, before *ruleDocument) (rules.Rule, extra, error) {
	var sent map[string]json.RawMessage
	if err := json.Unmarshal(data, &sent); err != nil || sent == nil {
		return rules.Rule{}, extra{}, bad("body", "must be a JSON object: a rule")
	}
	if before != nil {
		text, err := json.Marshal(before)
		if err != nil {
			return rules.Rule{}, extra{}, err
		}
		var whole map[string]json.RawMessage
		if err := json.Unmarshal(text, &whole); err != nil {
			return rules.Rule{}, extra{}, err
		}
		maps.Copy(whole, sent)
		sent = whole
	}
	for _, name := range []string{"_id", "created_at", "org_id", "app_id"} {
		delete(sent, name)
	}
	text, err := json.Marshal(sent)
	if err != nil {
		return rules.Rule{}, extra{}, err
	}
	var d ruleDocument
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return rules.Rule{}, extra{}, bad("body", "%v", err)
	}
	return d.rule()
}

// rule checks what only Moesif's documents have, and returns the rest.
func (d ruleDocument) rule() (rules.Rule, extra, error) {
	switch {
	case d.State == nil:
		return rules.Rule{}, extra{}, bad("state", "is missing: %d is in force, 0 and 1 are not", stateOn)
	case *d.State < 0 || *d.State > stateOn:
		return rules.Rule{}, extra{}, bad("state", "must be 0, 1 or %d (is %d): only %d is in force", stateOn, *d.State, stateOn)
	case d.Block == nil:
		return rules.Rule{}, extra{}, bad("block", "is missing: say whether calls are blocked")
	case len(d.Cohorts) > 0:
		return rules.Rule{}, extra{}, bad("cohorts", "rules by cohort are made in the console: name the members in customers")
	case len(d.Plans) > 0:
		return rules.Rule{}, extra{}, bad("plans", "quota rules by plan are not known here: name the members in customers")
	case len(d.Model) > 100, len(d.Response.OriginalEncodedBody) > 128<<10:
		return rules.Rule{}, extra{}, bad("body", "model or response.original_encoded_body is too long")
	}
	u := rules.Rule{
		Wire: wire.Rule{
			Name: d.Name, Type: d.Type, Block: *d.Block, AppliedTo: d.AppliedTo, AppliedToUnidentified: d.AppliedToUnidentified,
			Variables: d.Variables, RegexConfig: d.RegexConfig,
			Response: wire.RuleResponse{Status: d.Response.Status, Headers: d.Response.Headers, Body: d.Response.Body},
		},
		Customers: d.Customers,
	}
	setInForce(&u, *d.State == stateOn)
	return u, extra{d.Priority, d.Model, d.Response.OriginalEncodedBody}, nil
}
