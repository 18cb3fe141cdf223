package rule

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

func TestANilSetLetsEverythingPass(t *testing.T) {
	var s *Set
	r := typical()
	if d := s.Decide(r); !d.IsZero() || s.Rules() != 0 || s.UsesIdentity() || s.Samples() || s.SampleRate(r) != 100 || s.Problems() != nil {
		t.Error("a nil Set has an opinion")
	}
}

func TestUsesIdentity(t *testing.T) {
	for rules, want := range map[string]bool{
		`[]`:                             false,
		`[{"_id":"1","type":"regex"}]`:   false,
		`[{"_id":"1","type":"user"}]`:    true,
		`[{"_id":"1","type":"company"}]`: true,
		`[{"_id":"1","type":"user","regex_config":[{"conditions":[{"path":"request.verb","value":"["}]}]}]`: false,
		`[{"_id":"1","type":"plan"}]`: false,
	} {
		if got := documents(t, `{}`, rules, Options{}).UsesIdentity(); got != want {
			t.Errorf("%s: got %v", rules, got)
		}
	}
}

func TestReferencesAndDuplicates(t *testing.T) {
	const config = `{"user_rules":{"":[{"rules":"user"}],"u":[{"rules":"gone"},{"rules":"company"},{"rules":"broken"},{"rules":"regex"},{"rules":"user"},{"rules":"user"}],"v":[{"rules":"gone"}],"w":[]},
		"company_rules":{"c":[{"rules":"user"}]}}`
	const rules = `[
		{"_id":"user","type":"user","block":true,"response":{"status":400}},
		{"_id":"company","type":"company","block":true,"response":{"status":401}},
		{"_id":"broken","type":"user","block":true,"regex_config":[{"conditions":[{"path":"request.verb","value":"["}]}]},
		{"_id":"regex","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"request.verb","value":"PUT"}]}],"response":{"status":403}},
		{"_id":"user","type":"user","block":true,"response":{"status":402}}]`
	s := documents(t, config, rules, Options{})
	for _, c := range []struct {
		r    Subject
		want string
	}{
		{Subject{UserID: "u"}, "402 by user"},
		{Subject{UserID: "u", CompanyID: "c"}, "402 by user"},
		{Subject{CompanyID: "c"}, "pass"},
		{Subject{UserID: "v"}, "pass"},
		{Subject{UserID: "w", Verb: "PUT"}, "403 by regex"},
		{Subject{UserID: "x", CompanyID: "x"}, "pass"},
		{Subject{}, "pass"},
	} {
		if got := outcome(s.Decide(&c.r)); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.r, got, c.want)
		}
	}
	want := []Problem{
		{"user", "_id: a later rule has it too, and takes its place"},
		{"broken", `regex_config[0].conditions[0].value: not a regular expression (RE2): missing closing ] at "["`},
		{"user", `company_rules: names it 1 times, but its type is "user"`},
		{"company", `user_rules: names it 1 times, but its type is "company"`},
		{"gone", `user_rules: names it 2 times, but there is no such rule`},
		{"regex", `user_rules: names it 1 times, but its type is "regex"`},
	}
	if !slices.Equal(s.Problems(), want) || s.Rules() != 3 {
		t.Errorf("%d rules, problems\ngot  %q\nwant %q", s.Rules(), s.Problems(), want)
	}
}

// Documents with nulls and nothings in them, as sloppy servers send them.
func TestNullsInDocuments(t *testing.T) {
	s := documents(t, `{"sample_rate":null,"user_sample_rate":null,"user_rules":{"u":null,"v":[{"rules":"1","values":null},{"rules":null}]},"company_rules":[],"regex_config":null,"ip_addresses_blocked_by_name":null}`,
		`[{"_id":"1","type":"user","block":true,"applied_to":null,"variables":null,"regex_config":null,"response":{"status":null,"headers":null,"body":null}},
		  {"_id":"2","type":"regex","block":true,"regex_config":[{"conditions":[{"path":null,"value":null}]}]},
		  {"_id":"3","type":"regex","block":null,"regex_config":[{"conditions":null}],"response":null}]`, Options{BlockListedIPs: true})
	for _, c := range []struct {
		r    Subject
		want string
	}{
		{Subject{UserID: "v"}, "429 by 1"}, {Subject{UserID: "u"}, "pass"}, {Subject{}, "pass"},
	} {
		if got := outcome(s.Decide(&c.r)); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.r, got, c.want)
		}
	}
	if s.SampleRate(&Subject{}) != 100 || s.Rules() != 2 {
		t.Errorf("rate %d, %d rules", s.SampleRate(&Subject{}), s.Rules())
	}
}

// What is given to Compile may change afterwards.
func TestASetKeepsNothingThatCanChange(t *testing.T) {
	config := wire.AppConfig{UserRules: map[string][]wire.RuleRef{"u": {{Rules: "1", Values: map[string]string{"v": "x"}}}}, UserSampleRate: map[string]int{"u": 7}}
	rules := []wire.Rule{{ID: "1", Type: "user", Block: true, Variables: []wire.Variable{{Name: "v"}}, RegexConfig: []wire.RegexGroup{{Conditions: []wire.Condition{{Path: "request.verb", Value: "GET"}}}},
		Response: wire.RuleResponse{Status: 400, Headers: map[string]string{"X-A": "{{v}}"}, Body: []byte(`{"m":"{{v}}"}`)}}}
	s := Compile(config, rules, Options{})
	r := &Subject{UserID: "u", Verb: "GET"}
	before := outcome(s.Decide(r))
	config.UserRules["u"][0].Values["v"], config.UserSampleRate["u"] = "changed", 8
	config.UserRules["u"][0].Rules = "2"
	rules[0].Response.Headers["X-A"], rules[0].Response.Status, rules[0].ID, rules[0].Variables[0].Name = "changed", 500, "2", "w"
	copy(rules[0].Response.Body, `{"x":"{{y}}"}`)
	rules[0].RegexConfig[0].Conditions[0].Value = "POST"
	if after := outcome(s.Decide(r)); after != before || s.SampleRate(r) != 7 {
		t.Errorf("was %s, is %s", before, after)
	}
}

func TestNothingIsAllocatedWhenNoRuleApplies(t *testing.T) {
	config, rules := big(1000, 90, 1100, routes)
	config.UserSampleRate["other"] = 1
	s := Compile(config, rules, Options{BlockListedIPs: true})
	anonymous, known := typical(), typical()
	anonymous.UserID, anonymous.CompanyID = "", ""
	known.UserID, known.CompanyID = "user-7", "company-8"
	for _, r := range []*Subject{anonymous, known} {
		if n := testing.AllocsPerRun(100, func() {
			if d := s.Decide(r); !d.IsZero() {
				t.Error(d)
			}
		}); n != 0 {
			t.Errorf("%q: %v allocations", r.UserID, n)
		}
	}
}

func TestDecidesConcurrently(t *testing.T) {
	config, rules := big(100, 90, 100, routes)
	s := Compile(config, rules, Options{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 200 {
				r := typical()
				r.UserID, r.Body = []string{"user-0", "user-5"}[i%2], Bytes(`{}`)
				r.Route = []string{"/v1/plan-0/x", "/Admin/4/", "/v1/orders"}[i%3]
				s.Decide(r)
				s.SampleRate(r)
			}
		})
	}
	wg.Wait()
}

// FuzzDecide compiles any documents that can be read and asks them about any
// request: nothing panics, and what is decided can be sent.
func FuzzDecide(f *testing.F) {
	f.Add([]byte(exampleConfig), []byte(exampleRules), "alice", "acme", "DELETE", "/admin", `{"a":1}`)
	f.Add([]byte(`{"block_bot_traffic":true,"ip_addresses_blocked_by_name":{"x":"GET"}}`), []byte(`[]`), "", "", "GET", "/", `query`)
	for _, c := range checks {
		f.Add([]byte(`{"user_rules":{"u":[{"rules":"r","values":{"0":"x"}}]},"regex_config":[{"conditions":[{"path":"response.status","value":"2"}],"sample_rate":5}]}`), []byte("["+c.rule+"]"), "u", "", "GET", "/", `{}`)
	}
	f.Fuzz(func(t *testing.T, config, rules []byte, user, company, verb, route, body string) {
		c, err := wire.DecodeAppConfig(config)
		if err != nil {
			return
		}
		us, err := wire.DecodeRules(rules)
		if err != nil {
			return
		}
		s := Compile(c, us, Options{BlockListedIPs: true})
		r := &Subject{UserID: user, CompanyID: company, Verb: verb, Route: route, IP: verb, Headers: wire.Headers{{Name: "User-Agent", Value: route}, {Name: "content-type", Value: user}}, Body: Bytes(body), Status: 200}
		d := s.Decide(r)
		if d.Blocked != (d.Status != 0) || d.Blocked && (d.Status < lowestStatus || d.Status > highestStatus) || !d.Blocked && d.Body != nil {
			t.Errorf("%+v", d)
		}
		for _, h := range d.Headers {
			if !isToken(h.Name) || isReserved(h.Name) || strings.ContainsAny(h.Value, "\r\n\x00") {
				t.Errorf("header %q", h)
			}
		}
		if rate := s.SampleRate(r); rate < 0 || rate > 100 {
			t.Errorf("rate %d", rate)
		}
	})
}
