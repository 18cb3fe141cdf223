package rules

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/rule"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// keys lists every path of a document, arrays as [], with the kind of its value.
func keys(prefix string, v any, into map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		into[prefix] = "object"
		for k, e := range v {
			keys(prefix+"."+k, e, into)
		}
	case []any:
		into[prefix] = "array"
		for _, e := range v {
			keys(prefix+"[]", e, into)
		}
	case string:
		into[prefix] = "string"
	case float64:
		into[prefix] = "number"
	case bool:
		into[prefix] = "bool"
	case nil:
		into[prefix] = "null"
	}
}

func sameKeys(t *testing.T, document []byte, want string) {
	t.Helper()
	var v any
	if err := json.Unmarshal(document, &v); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	keys("$", v, got)
	expected := map[string]string{}
	for line := range strings.Lines(strings.TrimSpace(want)) {
		path, kind, _ := strings.Cut(strings.TrimSpace(line), " = ")
		expected[path] = kind
	}
	if !maps.Equal(got, expected) {
		for _, p := range slices.Sorted(maps.Keys(got)) {
			if got[p] != expected[p] {
				t.Errorf("%s: is %s, want %q", p, got[p], expected[p])
			}
		}
		for _, p := range slices.Sorted(maps.Keys(expected)) {
			if got[p] == "" {
				t.Errorf("%s: is not there", p)
			}
		}
	}
}

func example() input {
	user := Rule{State: On, Customers: []Customer{{"ada", map[string]string{"0": "free"}}, {"bob", nil}}, Wire: wire.Rule{
		ID: "u1", Name: "user rule", Type: typeUser, Block: true, CreatedAt: time.Date(2026, 11, 22, 10, 0, 0, 123456000, time.UTC),
		Variables: []wire.Variable{{Name: "0", Path: "body.plan"}},
		Response:  wire.RuleResponse{Status: 429, Headers: map[string]string{"X-Plan": "{{0}}"}, Body: []byte(`{"plan":"{{0}}"}`)},
	}}.normal()
	company := Rule{State: On, Customers: []Customer{{"acme", nil}}, Wire: wire.Rule{ID: "c1", Name: "company rule", Type: typeCompany}}.normal()
	regex := regexRule("r1")
	regex.Wire.RegexConfig = []wire.RegexGroup{{Conditions: []wire.Condition{{Path: "request.verb", Value: "DELETE"}}}}
	rate := 10
	return input{rules: []Rule{user, company, regex}, config: Config{
		SampleRate: 50, UserSampleRate: map[string]int{"ada": 1}, CompanySampleRate: map[string]int{"acme": 2}, BlockBotTraffic: true,
		RegexConfig:              []wire.RegexGroup{{Conditions: []wire.Condition{{Path: "response.status", Value: "5.."}}, SampleRate: &rate}},
		IPAddressesBlockedByName: map[string]string{"scraper": "203.0.113.9"},
	}.normal()}
}

func built(t testing.TB, in input) *Documents {
	t.Helper()
	d, err := build(testApp, in, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDocumentsHaveExactlyTheKeysOfTheProtocol(t *testing.T) {
	d := built(t, example())
	sameKeys(t, d.Config.Body, `
		$ = object
		$.org_id = string
		$.app_id = string
		$.sample_rate = number
		$.block_bot_traffic = bool
		$.user_sample_rate = object
		$.user_sample_rate.ada = number
		$.company_sample_rate = object
		$.company_sample_rate.acme = number
		$.user_rules = object
		$.user_rules.ada = array
		$.user_rules.ada[] = object
		$.user_rules.ada[].rules = string
		$.user_rules.ada[].values = object
		$.user_rules.ada[].values.0 = string
		$.user_rules.bob = array
		$.user_rules.bob[] = object
		$.user_rules.bob[].rules = string
		$.user_rules.bob[].values = object
		$.company_rules = object
		$.company_rules.acme = array
		$.company_rules.acme[] = object
		$.company_rules.acme[].rules = string
		$.company_rules.acme[].values = object
		$.ip_addresses_blocked_by_name = object
		$.ip_addresses_blocked_by_name.scraper = string
		$.regex_config = array
		$.regex_config[] = object
		$.regex_config[].conditions = array
		$.regex_config[].conditions[] = object
		$.regex_config[].conditions[].path = string
		$.regex_config[].conditions[].value = string
		$.regex_config[].sample_rate = number
		$.billing_config_jsons = object`)
	sameKeys(t, d.Rules.Body, `
		$ = array
		$[] = object
		$[]._id = string
		$[].created_at = string
		$[].org_id = string
		$[].app_id = string
		$[].name = string
		$[].type = string
		$[].block = bool
		$[].applied_to = string
		$[].applied_to_unidentified = bool
		$[].variables = array
		$[].variables[] = object
		$[].variables[].name = string
		$[].variables[].path = string
		$[].regex_config = array
		$[].regex_config[] = object
		$[].regex_config[].conditions = array
		$[].regex_config[].conditions[] = object
		$[].regex_config[].conditions[].path = string
		$[].regex_config[].conditions[].value = string
		$[].response = object
		$[].response.status = number
		$[].response.headers = object
		$[].response.headers.X-Plan = string
		$[].response.body = object
		$[].response.body.plan = string`)
	if s := string(d.Rules.Body); !strings.Contains(s, `"created_at":"2026-11-22T10:00:00.123Z","org_id":"1:1","app_id":"1:3"`) {
		t.Errorf("got %s", s)
	}
	// Every rule has every key, not only one of them.
	var each []map[string]json.RawMessage
	if err := json.Unmarshal(d.Rules.Body, &each); err != nil {
		t.Fatal(err)
	}
	for _, u := range each {
		if len(u) != 12 {
			t.Errorf("%s has %d keys", u["_id"], len(u))
		}
	}
}

func TestApplicationsWithoutRulesServeEmptyDocuments(t *testing.T) {
	d := built(t, input{config: DefaultConfig()})
	const want = `{"org_id":"1:1","app_id":"1:3","sample_rate":100,"block_bot_traffic":false,"user_sample_rate":{},"company_sample_rate":{},` +
		`"user_rules":{},"company_rules":{},"ip_addresses_blocked_by_name":{},"regex_config":[],"billing_config_jsons":{}}`
	if string(d.Config.Body) != want || string(d.Rules.Body) != "[]" {
		t.Errorf("got %s and %s", d.Config.Body, d.Rules.Body)
	}
}

func TestCohortsNameTheirRulesInServedOrder(t *testing.T) {
	first, second := example().rules[0], example().rules[0]
	first.Wire.ID, second.Wire.ID = "z", "a"
	c, err := wire.DecodeAppConfig(built(t, input{config: DefaultConfig(), rules: []Rule{first, second}}).Config.Body)
	if err != nil {
		t.Fatal(err)
	}
	if refs := c.UserRules["ada"]; len(refs) != 2 || refs[0].Rules != "z" || refs[1].Rules != "a" {
		t.Errorf("got %+v", refs)
	}
}

func TestARuleEditChangesTheTagsAndNotTheConfiguration(t *testing.T) {
	in := example()
	before := built(t, in)
	in.rules[2].Wire.Response.Status = 403
	after := built(t, in)
	if after.Config.ETag != before.Config.ETag || string(after.Config.Body) != string(before.Config.Body) {
		t.Error("the configuration changed with a rule")
	}
	if after.Tags.Config == before.Tags.Config || after.Tags.Rules == before.Tags.Rules {
		t.Errorf("tags %v stay as they were", after.Tags)
	}
	in.config.SampleRate = 51
	config := built(t, in)
	if config.Tags.Rules != after.Tags.Rules || config.Tags.Config == after.Tags.Config || config.Config.ETag == after.Config.ETag {
		t.Errorf("a change of the configuration: %v after %v", config.Tags, after.Tags)
	}
	if again := built(t, in); again.Tags != config.Tags || again.Config.ETag != config.Config.ETag {
		t.Error("the same gives other tags")
	}
}

func TestDocumentsAreEnforcedAsEdited(t *testing.T) {
	d := built(t, example())
	config, err := wire.DecodeAppConfig(d.Config.Body)
	if err != nil {
		t.Fatal(err)
	}
	list, err := wire.DecodeRules(d.Rules.Body)
	if err != nil {
		t.Fatal(err)
	}
	set := rule.Compile(config, list, rule.Options{BlockListedIPs: true})
	if p := set.Problems(); len(p) > 0 {
		t.Fatalf("problems %v", p)
	}
	for _, c := range []struct {
		name    string
		subject rule.Subject
		by      string
		status  int
		body    string
	}{
		{"a member", rule.Subject{UserID: "ada", Verb: "GET", Route: "/x"}, "u1", 429, `{"plan":"free"}`},
		{"a member without values", rule.Subject{UserID: "bob", Verb: "GET", Route: "/x"}, "u1", 429, `{"plan":"UNKNOWN"}`},
		{"somebody else", rule.Subject{UserID: "cyd", CompanyID: "acme", Verb: "GET", Route: "/x"}, "", 0, ""},
		{"by verb", rule.Subject{UserID: "cyd", Verb: "DELETE", Route: "/x"}, "r1", 429, `{}`},
		{"by address", rule.Subject{Verb: "GET", Route: "/x", IP: "203.0.113.9"}, "scraper", 403, ""},
	} {
		got := set.Decide(&c.subject)
		if got.BlockedBy != c.by || got.Status != c.status || c.body != "" && string(got.Body) != c.body {
			t.Errorf("%s: got %+v (body %s), want %s", c.name, got, got.Body, c.by)
		}
	}
	if rate := set.SampleRate(&rule.Subject{UserID: "ada"}); rate != 1 {
		t.Errorf("ada's rate is %d", rate)
	}
	if rate := set.SampleRate(&rule.Subject{Status: 503}); rate != 10 {
		t.Errorf("the rate of failures is %d", rate)
	}
}
