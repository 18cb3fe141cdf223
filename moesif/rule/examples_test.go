package rule

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// outcome is a decision as the tables write it: "429 by U1 {…}" or "pass", and
// the headers in order of their names.
func outcome(d Decision) string {
	text := "pass"
	if d.Blocked {
		text = fmt.Sprintf("%d by %s", d.Status, d.BlockedBy)
		if d.Body != nil {
			text += " " + string(d.Body)
		}
	}
	var headers []string
	for _, h := range d.Headers {
		if d.Blocked && h.Name == "Content-Type" && h.Value == "application/json" {
			continue
		}
		headers = append(headers, h.Name+": "+h.Value)
	}
	slices.Sort(headers)
	return strings.Join(append([]string{text}, headers...), " | ")
}

// documents compiles a configuration and rules as a collector serves them.
func documents(t testing.TB, config, rules string, o Options) *Set {
	t.Helper()
	c, err := wire.DecodeAppConfig([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	us, err := wire.DecodeRules([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	return Compile(c, us, o)
}

// The synthetic rules of Moesif wire, 4.9.
const (
	exampleRules = `[
	{"_id":"U1","type":"user","block":true,"applied_to":"matching","variables":[{"name":"0","path":"plan"},{"name":"1","path":"limit"}],"regex_config":[],
	 "response":{"status":429,"headers":{"X-Limit":"{{1}}","X-Who":"user"},"body":{"msg":"plan {{0}} limit {{1}}"}}},
	{"_id":"U2","type":"user","block":true,"applied_to":"not_matching","variables":[{"name":"0","path":"plan"}],
	 "regex_config":[{"conditions":[{"path":"request.route","value":"^/paid"}]}],"response":{"status":402,"headers":{"X-Who":"nm"},"body":{"m":"{{0}}"}}},
	{"_id":"U3","type":"user","block":true,"applied_to":"matching","applied_to_unidentified":true,
	 "regex_config":[{"conditions":[{"path":"request.route","value":"/login"}]}],"response":{"status":401,"headers":{},"body":{"m":"log in"}}},
	{"_id":"C1","type":"company","block":false,"applied_to":"matching","response":{"status":200,"headers":{"X-Deprecated":"true","X-Who":"company"},"body":{"ignored":true}}},
	{"_id":"R1","type":"regex","block":true,"regex_config":[
	 {"conditions":[{"path":"request.verb","value":"DELETE"},{"path":"request.route","value":"/admin"}]},
	 {"conditions":[{"path":"request.headers.X-Bot","value":"yes"}]}],
	 "response":{"status":403,"headers":{"X-Who":"regex","X-Rx":"1"},"body":{"m":"no"}}}]`
	exampleConfig = `{"user_rules":{"alice":[{"rules":"U1","values":{"0":"free","1":"100"}}],"bob":[{"rules":"U1"},{"rules":"U2"}]},
	"company_rules":{"acme":[{"rules":"C1"}]}}`
)

func TestWorkedExamples(t *testing.T) {
	s := documents(t, exampleConfig, exampleRules, Options{})
	for _, c := range []struct {
		name string
		r    Subject
		want string
	}{
		{"A: a user in a cohort", Subject{UserID: "alice", Verb: "GET", Route: "/x"},
			`429 by U1 {"msg":"plan free limit 100"} | X-Limit: 100 | X-Who: user`},
		{"B: in the cohort of a not_matching rule, and without values", Subject{UserID: "bob", Verb: "GET", Route: "/paid"},
			`429 by U1 {"msg":"plan UNKNOWN limit UNKNOWN"} | X-Limit: UNKNOWN | X-Who: user`},
		{"C: not in the cohort of a not_matching rule", Subject{UserID: "carol", Verb: "GET", Route: "/paid"},
			`402 by U2 {"m":"UNKNOWN"} | X-Who: nm`},
		{"D: anonymous, and a rule for the unidentified", Subject{Verb: "GET", Route: "/login"}, `401 by U3 {"m":"log in"}`},
		{"E: anonymous, and a not_matching rule", Subject{Verb: "GET", Route: "/paid"}, `pass`},
		{"F: a rule that only adds headers", Subject{UserID: "carol", CompanyID: "acme", Verb: "GET", Route: "/x"},
			`pass | X-Deprecated: true | X-Who: company`},
		{"G: regex, company and user", Subject{UserID: "alice", CompanyID: "acme", Verb: "DELETE", Route: "/admin"},
			`429 by U1 {"msg":"plan free limit 100"} | X-Deprecated: true | X-Limit: 100 | X-Rx: 1 | X-Who: user`},
		{"H: a rule that does not block changes neither status nor body", Subject{CompanyID: "acme", Verb: "DELETE", Route: "/admin"},
			`403 by R1 {"m":"no"} | X-Deprecated: true | X-Rx: 1 | X-Who: company`},
		{"I: a header", Subject{Verb: "GET", Route: "/", Headers: wire.Headers{{Name: "x-bot", Value: "yes"}}},
			`403 by R1 {"m":"no"} | X-Rx: 1 | X-Who: regex`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := outcome(s.Decide(&c.r)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// The examples out of SDKs' tests, J to O.
func TestExamplesOfSDKs(t *testing.T) {
	const seven = `[
	{"_id":"62f6c6a1","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"request.verb","value":"POST"}]}],"response":{"status":203,"headers":{},"body":{"a":1}}},
	{"_id":"62fe6fd7","type":"company","block":true,"regex_config":[{"conditions":[{"path":"request.verb","value":"DELETE"}]}],"response":{"status":401,"body":{}}},
	{"_id":"62fff3f1","type":"company","block":true,"regex_config":[],"response":{"status":402,"headers":{},"body":{"b":2}}},
	{"_id":"5f491179","type":"user","block":true,"response":{"status":400,"body":{}}},
	{"_id":"5f491178","type":"user","block":true,"applied_to":"matching","response":{"status":500,"body":{}}},
	{"_id":"5f49117a","type":"company","block":true,"response":{"status":500,"body":{}}},
	{"_id":"5f49117b","type":"user","block":false,"response":{"status":204,"body":{}}}]`
	const employees = `[{"_id":"N","type":"regex","block":true,"regex_config":[
	{"conditions":[{"path":"request.route","value":"/api/*"},{"path":"request.verb","value":"POST"}]},
	{"conditions":[{"path":"request.ip_address","value":"120.110.10.11"}]}],"response":{"status":401,"body":{}}}]`
	for _, c := range []struct {
		name, config, rules string
		r                   Subject
		want                string
	}{
		{"J: a user rule", `{"user_rules":{"masked_user_id":[{"rules":"5f491079","values":{"0":"San Francisco"}}]}}`,
			`[{"_id":"5f491079","type":"user","block":true,"variables":[{"name":"0","path":"geo_ip.city_name"}],"response":{"status":400,"headers":{"X-City":"{{0}}"},"body":{"c":"{{0}}"}}}]`,
			Subject{UserID: "masked_user_id", Verb: "GET", Route: "/"}, `400 by 5f491079 {"c":"San Francisco"} | X-City: San Francisco`},
		{"K: a string as body", `{"company_rules":{"tyk-company":[{"rules":"5f49117a","values":{"0":"city1","1":"noon"}}]}}`,
			`[{"_id":"5f49117a","type":"company","block":true,"variables":[{"name":"0"},{"name":"1"}],"response":{"status":500,"body":"This is a string example for - {{0}}, at {{1}}"}}]`,
			Subject{CompanyID: "tyk-company", Verb: "GET", Route: "/"}, `500 by 5f49117a "This is a string example for - city1, at noon"`},
		{"L: a regex rule among many", `{}`, seven, Subject{Verb: "POST", Route: "/"}, `203 by 62f6c6a1 {"a":1}`},
		{"M: an entity rule beats a regex rule", `{"company_rules":{"sean-company-11":[{"rules":"62fe6fd7"},{"rules":"62fff3f1"}]}}`, seven,
			Subject{CompanyID: "sean-company-11", Verb: "POST", Route: "/"}, `402 by 62fff3f1 {"b":2}`},
		{"N: one of two groups: neither", `{}`, employees, Subject{Verb: "GET", Route: "/api/Employee", IP: "10.0.0.1"}, `pass`},
		{"N: one of two groups: the verb", `{}`, employees, Subject{Verb: "POST", Route: "/api/Employee", IP: "10.0.0.1"}, `401 by N {}`},
		{"N: one of two groups: the address", `{}`, employees, Subject{Verb: "GET", Route: "/api/Employee", IP: "120.110.10.11"}, `401 by N {}`},
		{"O: no rules", `{}`, `[]`, Subject{UserID: "alice", Verb: "GET", Route: "/"}, `pass`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := documents(t, c.config, c.rules, Options{})
			if got := outcome(s.Decide(&c.r)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// Those of the node SDK's live fixtures.
func TestNotMatchingRules(t *testing.T) {
	s := documents(t, `{"user_rules":{"in":[{"rules":"by route"},{"rules":"by body"}]}}`, `[
	{"_id":"by route","type":"user","block":true,"applied_to":"not_matching","regex_config":[{"conditions":[{"path":"request.route","value":"hello/canada"}]}],
	 "response":{"status":400,"headers":{"X-One":"1"},"body":{}}},
	{"_id":"by body","type":"user","block":true,"applied_to":"not_matching","regex_config":[{"conditions":[{"path":"request.body.from_location","value":"cairo"}]}],
	 "response":{"status":401,"headers":{"X-Two":"2"},"body":{}}}]`, Options{})
	for _, c := range []struct{ user, body, want string }{
		{"in", `{"from_location":"cairo"}`, `pass`},
		{"out", `{}`, `400 by by route {} | X-One: 1`},
		{"out", `{"from_location":"cairo"}`, `401 by by body {} | X-One: 1 | X-Two: 2`},
		{"", `{"from_location":"cairo"}`, `pass`},
	} {
		got := outcome(s.Decide(&Subject{UserID: c.user, Verb: "POST", Route: "/hello/canada", Body: Bytes(c.body)}))
		if got != c.want {
			t.Errorf("%q %s: got %s, want %s", c.user, c.body, got, c.want)
		}
	}
}

func TestLaterRulesWin(t *testing.T) {
	s := documents(t, `{"user_rules":{"u":[{"rules":"2","values":{"v":"first"}},{"rules":"1"},{"rules":"2","values":{"v":"second"}}]}}`, `[
	{"_id":"1","type":"user","block":true,"response":{"status":401,"headers":{"x-order":"1","X-One":"1"},"body":1}},
	{"_id":"2","type":"user","block":true,"variables":[{"name":"v"}],"response":{"status":402,"headers":{"X-ORDER":"2 {{v}}"},"body":"{{v}}"}},
	{"_id":"3","type":"user","block":false,"applied_to":"not_matching","response":{"headers":{"X-Order":"3"}}}]`, Options{})
	got := outcome(s.Decide(&Subject{UserID: "u"}))
	if want := `402 by 2 "second" | X-One: 1 | X-Order: 3`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
