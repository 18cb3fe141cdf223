//go:build linux

package main

import (
	"encoding/json"
	"fmt"
)

// The rules that the collector serves (Moesif wire, 4.1): those of cohorts, with
// customers in them, and those that only look at the request. One of the latter
// blocks blockedPath; of the others none ever applies to the traffic, but all have
// to be asked.
const (
	cohortRules = 900
	regexRules  = 100
)

type ruleDocument struct {
	ID                    string       `json:"_id"`
	CreatedAt             string       `json:"created_at"`
	OrgID                 string       `json:"org_id"`
	AppID                 string       `json:"app_id"`
	Name                  string       `json:"name"`
	Type                  string       `json:"type"`
	Block                 bool         `json:"block"`
	AppliedTo             string       `json:"applied_to"`
	AppliedToUnidentified bool         `json:"applied_to_unidentified"`
	Variables             []object     `json:"variables"`
	RegexConfig           []conditions `json:"regex_config"`
	Response              object       `json:"response"`
}

type conditions struct {
	Conditions []condition `json:"conditions"`
}

type condition struct {
	Path  string `json:"path"`
	Value string `json:"value"`
}

type membership struct {
	Rules  string            `json:"rules"`
	Values map[string]string `json:"values"`
}

func ruleID(n int) string { return fmt.Sprintf("%024x", 0x66f0_0000_0000+n) }

// rulesDocument is the body of GET /v1/rules.
func rulesDocument() ([]byte, error) {
	rules := make([]ruleDocument, 0, cohortRules+regexRules)
	for n := range cohortRules {
		r := newRule(n, fmt.Sprintf("quota %d", n), "user", "request.route", fmt.Sprintf(`^/v1/area-%d/`, n))
		if n%5 >= 3 {
			r.Type = "company"
		}
		if n%50 == 0 {
			r.AppliedTo = "not_matching"
		}
		rules = append(rules, r)
	}
	for n := cohortRules; n < cohortRules+regexRules-1; n++ {
		r := newRule(n, fmt.Sprintf("request %d", n), "regex", "request.route", fmt.Sprintf(`^/v[12]/legacy-%d(/|$)`, n))
		switch n % 4 {
		case 1:
			r.RegexConfig[0].Conditions[0] = condition{"request.route", fmt.Sprintf(`/export-%d/[0-9]+\.csv$`, n)}
		case 2:
			r.RegexConfig[0].Conditions[0] = condition{"request.headers.User-Agent", fmt.Sprintf(`(?i)crawler-%d/\d`, n)}
		case 3:
			r.RegexConfig[0].Conditions = append(r.RegexConfig[0].Conditions, condition{"request.verb", "^(POST|PUT)$"})
		}
		rules = append(rules, r)
	}
	blocked := newRule(cohortRules+regexRules-1, "closed", "regex", "request.route", "^"+blockedPath+"$")
	return json.Marshal(append(rules, blocked))
}

func newRule(n int, name, kind, path, value string) ruleDocument {
	return ruleDocument{
		ID: ruleID(n), CreatedAt: "2026-10-01T00:00:00.000Z", OrgID: "1:1", AppID: "1:2", Name: name, Type: kind,
		Block: true, AppliedTo: "matching",
		Variables:   []object{{"name": "0", "path": "body.plan"}},
		RegexConfig: []conditions{{[]condition{{path, value}}}},
		Response: object{
			"status":  403,
			"headers": object{"X-Rule": name},
			"body":    object{"error": "this is not open to you", "rule": name, "plan": "{{0|any}}"},
		},
	}
}

// configDocument is the body of GET /v1/config with so many customers (Moesif
// wire, 3.1): three users to two companies, each in a cohort, every tenth in two.
func configDocument(customers int) ([]byte, error) {
	userRules, companyRules := map[string][]membership{}, map[string][]membership{}
	for n := range customers {
		into, rule := userRules, n%cohortRules
		id := string(appendUser(nil, n))
		if rule%5 >= 3 {
			into, id = companyRules, string(appendCompany(nil, n))
		}
		into[id] = append(into[id], membership{ruleID(rule), map[string]string{"0": "gold"}})
		if n%10 == 0 {
			into[id] = append(into[id], membership{ruleID((rule + 5) % cohortRules), map[string]string{}})
		}
	}
	return json.Marshal(object{
		"org_id": "1:1", "app_id": "1:2", "sample_rate": 100, "block_bot_traffic": false,
		"user_sample_rate": object{}, "company_sample_rate": object{},
		"user_rules": userRules, "company_rules": companyRules,
		"ip_addresses_blocked_by_name": object{}, "regex_config": []object{}, "billing_config_jsons": object{},
	})
}
