package rule

import (
	"slices"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Each rule, and what Check says about it; force is whether it decides anyway.
var checks = []struct {
	name, rule string
	want       []string
	force      bool
}{
	{"a good rule", `{"_id":"r","type":"user","applied_to":"not_matching","variables":[{"name":"0","path":"plan"}],"regex_config":[{"conditions":[{"path":"request.verb","value":"GET"}]}],
		"response":{"status":402,"headers":{"X-A":"{{0}}"},"body":{"m":"{{0}}"}}}`, nil, true},
	{"no type", `{"_id":"r"}`, []string{`type: must be user, company or regex (got "")`}, false},
	{"a type of its own", `{"_id":"r","type":"subscription"}`, []string{`type: must be user, company or regex (got "subscription")`}, false},
	{"applied to what", `{"_id":"r","type":"user","applied_to":"all"}`, []string{`applied_to: must be matching or not_matching (got "all")`}, true},
	{"a regex rule has no cohort", `{"_id":"r","type":"regex","applied_to":"not_matching"}`, []string{`applied_to: must be matching, a regex rule has no cohort (got not_matching)`}, true},
	{"a broken expression", `{"_id":"r","type":"regex","regex_config":[{"conditions":[]},{"conditions":[{"path":"request.verb","value":"GET"},{"path":"request.route","value":"^/(a"}]}]}`,
		[]string{`regex_config[1].conditions[1].value: not a regular expression (RE2): missing closing ) at "^/(a"`}, false},
	{"no lookahead", `{"_id":"r","type":"regex","regex_config":[{"conditions":[{"path":"request.verb","value":"(?!GET)"}]}]}`,
		[]string{`regex_config[0].conditions[0].value: not a regular expression (RE2): invalid or unsupported Perl syntax at "(?!"`}, false},
	{"an unknown path", `{"_id":"r","type":"regex","regex_config":[{"conditions":[{"path":"request.uri","value":"x"}]}]}`,
		[]string{`regex_config[0].conditions[0].path: must be request.verb, request.route, request.ip_address, request.headers.NAME or request.body.FIELD (got "request.uri")`}, false},
	{"an unknown path beside a good group", `{"_id":"r","type":"regex","regex_config":[{"conditions":[{"path":"request.headers.","value":"x"}]},{"conditions":[]}]}`,
		[]string{`regex_config[0].conditions[0].path: must be request.verb, request.route, request.ip_address, request.headers.NAME or request.body.FIELD (got "request.headers.")`}, true},
	{"the answer's status", `{"_id":"r","type":"regex","regex_config":[{"conditions":[{"path":"response.status","value":"404"}]}]}`,
		[]string{`regex_config[0].conditions[0].path: response.status is not known when rules decide`}, false},
	{"variables", `{"_id":"r","type":"user","variables":[{"name":"0"},{"name":""},{"name":"0"}]}`, []string{`variables[1].name: missing`, `variables[2].name: "0" is there already`}, true},
	{"a status", `{"_id":"r","type":"regex","block":true,"response":{"status":100}}`, []string{`response.status: must be between 200 and 999, or 0 for 429 (got 100)`}, true},
	{"a status that is not used", `{"_id":"r","type":"regex","block":false,"response":{"status":100}}`, nil, true},
	{"headers", `{"_id":"r","type":"regex","response":{"headers":{"Content-Length":"1","X A":"1","X-B":"a\r\nb","X-C":"1","x-c":"2"}}}`, []string{
		`response.headers.Content-Length: belongs to the connection, a rule cannot set it`, `response.headers: "X A" cannot be the name of a header`,
		`response.headers.X-B: must have no control characters such as line ends`, `response.headers: X-C and x-c are the same header`,
	}, true},
	{"several", `{"_id":"r","type":"x","applied_to":"y","regex_config":[{"conditions":[{"path":"z","value":"["}]}]}`, []string{
		`type: must be user, company or regex (got "x")`, `applied_to: must be matching or not_matching (got "y")`,
		`regex_config[0].conditions[0].path: must be request.verb, request.route, request.ip_address, request.headers.NAME or request.body.FIELD (got "z")`,
		`regex_config[0].conditions[0].value: not a regular expression (RE2): missing closing ] at "["`,
	}, false},
}

func TestCheckNamesEachProblem(t *testing.T) {
	for _, c := range checks {
		u, err := wire.DecodeRule([]byte(c.rule))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, err := range Check(&u) {
			got = append(got, err.Error())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", c.name, got, c.want)
		}
		s := Compile(wire.AppConfig{}, []wire.Rule{u}, Options{})
		if (s.Rules() == 1) != c.force {
			t.Errorf("%s: %d rules in force", c.name, s.Rules())
		}
		var problems []string
		for _, p := range s.Problems() {
			if p.RuleID != "r" {
				t.Errorf("%s: problem of rule %q", c.name, p.RuleID)
			}
			problems = append(problems, p.Reason)
		}
		if !slices.Equal(problems, c.want) {
			t.Errorf("%s: problems %q", c.name, problems)
		}
	}
}

func TestCheckOfABodyThatIsNoJSON(t *testing.T) {
	u := wire.Rule{Type: "regex", Response: wire.RuleResponse{Body: []byte(`{"m":`)}}
	problems := Check(&u)
	if len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), "response.body: must be JSON: ") {
		t.Errorf("got %q", problems)
	}
}
