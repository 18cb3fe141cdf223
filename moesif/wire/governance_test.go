package wire

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"testing"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

func TestServedConfigHasEveryKeyAndNoNull(t *testing.T) {
	const want = `{"org_id":"","app_id":"","sample_rate":0,"block_bot_traffic":false,"user_sample_rate":{},"company_sample_rate":{},"user_rules":{},` +
		`"company_rules":{"acme":[{"rules":"r1","values":{}}],"none":[]},"ip_addresses_blocked_by_name":{},"regex_config":[{"conditions":[]}],"billing_config_jsons":{}}`
	c := AppConfig{CompanyRules: map[string][]RuleRef{"acme": {{Rules: "r1"}}, "none": nil}, RegexConfig: []RegexGroup{{}}}
	got, err := json.Marshal(c)
	if err != nil || string(got) != want {
		t.Errorf("got %s, error %v", got, err)
	}
}

func TestServedRuleHasEveryKeyAndNoNull(t *testing.T) {
	const want = `{"_id":"r1","created_at":"0001-01-01T00:00:00Z","org_id":"","app_id":"","name":"","type":"regex","block":true,"applied_to":"matching",` +
		`"applied_to_unidentified":false,"variables":[],"regex_config":[],"response":{"status":429,"headers":{},"body":{}}}`
	got, err := json.Marshal([]Rule{{ID: "r1", Type: "regex", Block: true, Response: RuleResponse{Status: 429}}})
	if err != nil || string(got) != "["+want+"]" {
		t.Errorf("got %s, error %v", got, err)
	}
}

func TestGovernanceDocumentsSurviveTheWire(t *testing.T) {
	const config = `{"org_id":"262:549","app_id":"93:564","sample_rate":50,"block_bot_traffic":true,"user_sample_rate":{"a":1},"company_sample_rate":{"b":2},` +
		`"user_rules":{"a":[{"rules":"r","values":{"0":"x"}}]},"company_rules":{},"ip_addresses_blocked_by_name":{"bad":"1.2.3.4"},` +
		`"regex_config":[{"conditions":[{"path":"request.route","value":"/health/.*"}],"sample_rate":0}],"billing_config_jsons":{"k":"{}"}}`
	c, err := DecodeAppConfig([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := json.Marshal(c); err != nil || string(out) != config {
		t.Errorf("got  %s (%v)\nwant %s", out, err, config)
	}
	const rules = `[{"_id":"64ca","created_at":"2024-10-01T00:00:00Z","org_id":"421:67","app_id":"46:73","name":"n","type":"user","block":true,"applied_to":"not_matching",` +
		`"applied_to_unidentified":true,"variables":[{"name":"0","path":"body.plan"}],"regex_config":[{"conditions":[{"path":"request.verb","value":"POST"}]}],` +
		`"response":{"status":429,"headers":{"X":"{{1}}"},"body":"a string"}}]`
	rs, err := DecodeRules([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := json.Marshal(rs); err != nil || string(out) != rules {
		t.Errorf("got  %s (%v)\nwant %s", out, err, rules)
	}
}

func TestGovernanceDocumentsAreReadTolerantly(t *testing.T) {
	c, err := DecodeAppConfig([]byte(`{"user_rules":null,"company_rules":{"a":[{"rules":7,"values":{"0":5}}],"b":null},"user_sample_rate":{"u":"20","v":null},"new":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, given := c.UserSampleRate["v"]; given {
		t.Error("null became a rate of 0")
	}
	if c.SampleRate != 100 || c.UserSampleRate["u"] != 20 || !reflect.DeepEqual(c.CompanyRules["a"], []RuleRef{{"7", map[string]string{"0": "5"}}}) {
		t.Errorf("got %+v", c)
	}
	r, err := DecodeRule([]byte(`{"_id":"r","created_at":"2024-10-01T00:00:00.000","regex_config":null,"response":{"status":"402"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if r.AppliedTo != "matching" || r.Response.Status != 402 || r.CreatedAt.Year() != 2024 {
		t.Errorf("got %+v", r)
	}
	if rs, err := DecodeRules([]byte(`[]`)); err != nil || len(rs) != 0 {
		t.Errorf("[]: %v, error %v", rs, err)
	}
}

// gathered keeps what it is told as the maps of an AppConfig do.
type gathered struct {
	rates map[string]int
	rules map[string][]RuleRef
}

func (g *gathered) Rate(id string, percent int) { g.rates[id] = percent }

func (g *gathered) Rules(id string, refs []RuleRef) {
	g.rules[id] = []RuleRef{}
	for _, ref := range refs {
		g.rules[id] = append(g.rules[id], RuleRef{ref.Rules, maps.Clone(ref.Values)})
	}
}

// decodeGathered is DecodeAppConfig by way of DecodeCustomers.
func decodeGathered(data []byte) (AppConfig, error) {
	users := gathered{map[string]int{}, map[string][]RuleRef{}}
	companies := gathered{map[string]int{}, map[string][]RuleRef{}}
	c, err := DecodeCustomers(data, &users, &companies)
	if err == nil {
		c.UserSampleRate, c.UserRules, c.CompanySampleRate, c.CompanyRules = users.rates, users.rules, companies.rates, companies.rules
	}
	return c, err
}

func TestCustomersAreToldAsTheyAreInTheDocument(t *testing.T) {
	for _, data := range []string{
		`{}`, `{"user_rules":null,"company_rules":[],"user_sample_rate":""}`,
		`{"sample_rate":7,"org_id":"o","user_sample_rate":{"a":1,"b":"2","c":null,"a":3},"company_sample_rate":{"é":4}}`,
		`{"user_rules":{"a":[{"rules":"1","values":{"0":"x","1":"y"}},{"rules":"2","values":{"0":"z"}}],"b":[],"c":[{"values":{"1":null}},{"rules":"3"},null],"d":null,"a":[{"rules":2}]}}`,
		`{"company_rules":{"a":[{"rules":"1","values":{"0":"x"},"values":{"1":"y"},"more":[1]}]}}`,
		`{"user_rules":{"a":[{"rules":{}}]}}`, `{"user_rules":{"a":[{"values":{"0":[]}}]}}`, `{"user_rules":{"a":[7]}}`, `{"user_rules":{"a":[{"values":7}]}}`,
		`{"company_sample_rate":{"a":"x"}}`, `{"user_rules":{"a":[{"rules":"1"`, `{"user_rules":7}`, `[]`,
	} {
		got, errGot := decodeGathered([]byte(data))
		want, errWant := DecodeAppConfig([]byte(data))
		a, b := mustJSON(t, got), mustJSON(t, want)
		if a != b || fmt.Sprint(errGot) != fmt.Sprint(errWant) {
			t.Errorf("%s:\ngot  %s, error %v\nwant %s, error %v", data, a, errGot, b, errWant)
		}
	}
}

func mustJSON(t *testing.T, c AppConfig) string {
	t.Helper()
	out, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestErrorsSayWhichCustomer(t *testing.T) {
	for data, want := range map[string]string{
		`{"user_rules":{"a":[{"rules":{}}]}}`:                  `user_rules.a.rules: must be a string (got an object)`,
		`{"company_rules":{"a":[{},{"values":{"0":[1]}}]}}`:    `company_rules.a.values.0: must be a string (got an array)`,
		`{"user_rules":{"a":[{"values":7}]}}`:                  `user_rules.a.values: must be an object (got a number)`,
		`{"user_sample_rate":{"a":"x"}}`:                       `user_sample_rate.a: must be a whole number (got "x")`,
		`{"user_rules":{"a":[{"values":{"0":`:                  `config: scan: the document ends too early`,
		`{"ip_addresses_blocked_by_name":{"a":{"b":"1.2.3"}}}`: `ip_addresses_blocked_by_name.a: must be a string (got an object)`,
	} {
		if _, err := DecodeAppConfig([]byte(data)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", data, err, want)
		}
	}
}

func TestUnreadableGovernanceDocuments(t *testing.T) {
	for _, c := range []struct{ data, want string }{
		{`null`, `rules: must be an array (got null)`},
		{`{}`, `rules: must be an array (got an object)`},
		{`[{"name":"x"}]`, `_id: missing`},
		{`[null]`, `_id: missing`},
		{`[{"_id":"r","response":{"status":"x"}}]`, `response.status: must be a whole number (got "x")`},
		{`[{"_id":"r","regex_config":{"a":1}}]`, `regex_config: must be an array (got an object)`},
		{`[`, `rules: scan: the document ends too early`},
	} {
		if _, err := DecodeRules([]byte(c.data)); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.data, err, c.want)
		}
	}
	if _, err := DecodeAppConfig([]byte(`null`)); err == nil {
		t.Error("a config of null was read")
	}
}

func TestBatchAnswers(t *testing.T) {
	for _, c := range []struct {
		data string
		want []Rejection
		ok   bool
	}{
		{``, nil, true},
		{`{}`, nil, true},
		{`{"rejected":[{"index":3,"reason":"too_old"}],"more":1}`, []Rejection{{3, "too_old"}}, true},
		{`<html>`, nil, false},
	} {
		got, err := DecodeBatchAnswer([]byte(c.data))
		if (err == nil) != c.ok || !reflect.DeepEqual(got.Rejected, c.want) {
			t.Errorf("%q: got %+v, error %v", c.data, got, err)
		}
	}
	out, err := json.Marshal(BatchAnswer{})
	if err != nil || string(out) != `{"rejected":[]}` {
		t.Errorf("got %s, error %v", out, err)
	}
}

func FuzzDecodeGovernance(f *testing.F) {
	f.Add([]byte(`[{"_id":"r","variables":[{"name":"0"}],"regex_config":[{"conditions":[{"path":"a","value":"b"}],"sample_rate":3}],"response":{"headers":{"a":"b"},"body":[1]}}]`))
	f.Add([]byte(`{"user_rules":{"a":[{"rules":"r","values":{"0":"x"}}]},"regex_config":[{"sample_rate":null}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := decodeGathered(data); err == nil {
			if _, err = DecodeAppConfig(data); err != nil {
				t.Fatalf("%s: only the customers can be read: %v", data, err)
			}
		}
		if c, err := DecodeAppConfig(data); err == nil {
			if _, err = decodeGathered(data); err != nil {
				t.Fatalf("%s: only the customers can not be read: %v", data, err)
			}
			out, err := json.Marshal(c)
			if err != nil || !scan.Valid(out) {
				t.Fatalf("config %s: %s, %v", data, out, err)
			}
			again, err := DecodeAppConfig(out)
			if err != nil {
				t.Fatalf("%v in %s", err, out)
			}
			if twice, err := json.Marshal(again); err != nil || string(twice) != string(out) {
				t.Fatalf("config %s became %s, %v", out, twice, err)
			}
		}
		if rs, err := DecodeRules(data); err == nil {
			if out, err := json.Marshal(rs); err != nil || !scan.Valid(out) {
				t.Fatalf("rules %s: %s, %v", data, out, err)
			}
		}
	})
}
