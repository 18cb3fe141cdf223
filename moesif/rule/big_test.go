package rule

import (
	"fmt"
	"strconv"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// big returns a configuration as a large application has it: customers users and
// as many companies, each in the cohorts of three of cohorts rules, and patterns
// regex rules.
func big(customers, cohorts, patterns int, pattern func(i int) []wire.Condition) (wire.AppConfig, []wire.Rule) {
	config := wire.AppConfig{
		SampleRate: 100, UserRules: map[string][]wire.RuleRef{}, CompanyRules: map[string][]wire.RuleRef{},
		UserSampleRate: map[string]int{}, CompanySampleRate: map[string]int{},
	}
	var rules []wire.Rule
	for i := range cohorts {
		u := wire.Rule{
			ID: "cohort-" + strconv.Itoa(i), Type: []string{"user", "company"}[i%2], Block: true, AppliedTo: []string{matching, matching, notMatching}[i%3],
			Variables:   []wire.Variable{{Name: "0", Path: "name"}},
			RegexConfig: []wire.RegexGroup{{Conditions: []wire.Condition{{Path: "request.route", Value: fmt.Sprintf("^/v1/plan-%d/.*", i)}}}},
			Response:    wire.RuleResponse{Status: 429, Headers: map[string]string{"X-Limit": "{{0}}"}, Body: []byte(`{"error":"over the quota of {{0}}"}`)},
		}
		rules = append(rules, u)
	}
	for i := range customers {
		id := strconv.Itoa(i)
		refs := func(of int) (refs []wire.RuleRef) {
			for k := range 3 {
				refs = append(refs, wire.RuleRef{Rules: "cohort-" + strconv.Itoa(((i*7+k*31)*2+of)%cohorts), Values: map[string]string{"0": strconv.Itoa(i % 10)}})
			}
			return refs
		}
		config.UserRules["user-"+id], config.CompanyRules["company-"+id] = refs(0), refs(1)
		config.UserSampleRate["user-"+id] = i % 101
	}
	for i := range patterns {
		rules = append(rules, wire.Rule{
			ID: "regex-" + strconv.Itoa(i), Type: "regex", Block: true, AppliedTo: matching,
			RegexConfig: []wire.RegexGroup{{Conditions: pattern(i)}}, Response: wire.RuleResponse{Status: 403, Body: []byte(`{}`)},
		})
	}
	return config, rules
}

// routes are conditions as people write them.
func routes(i int) []wire.Condition {
	value := fmt.Sprintf([]string{
		`^/v1/orders-%d/.*`, `/paid-%d`, `^/api/(a|b)/x-%d$`, `\.pdf%d$`, `(?i)/Admin/%d/`, `^/v2/users/[0-9]+/tags-%d$`, `^/v3/(.+)/item-%d`, `/reports/%d/[^/]+/download`,
	}[i%8], i)
	if i%4 == 0 {
		return []wire.Condition{{Path: "request.verb", Value: "^(POST|PUT)$"}, {Path: "request.route", Value: value}}
	}
	return []wire.Condition{{Path: "request.route", Value: value}}
}

// typical is a call of a known customer, to which no rule applies.
func typical() *Subject {
	return &Subject{
		UserID: "user-77777", CompanyID: "company-4242", Verb: "POST", Route: "/v1/orders/8f2c1d/lines/42", IP: "203.0.113.9",
		Headers: wire.Headers{
			{Name: "Accept", Value: "application/json"}, {Name: "Accept-Encoding", Value: "gzip"}, {Name: "User-Agent", Value: "Go-http-client/1.1"},
			{Name: "Authorization", Value: "Bearer x"}, {Name: "Traceparent", Value: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
		},
	}
}
