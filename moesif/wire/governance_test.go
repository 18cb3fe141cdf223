package wire

import (
	"encoding/json"
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
		if c, err := DecodeAppConfig(data); err == nil {
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
