package rule

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Words that rules and requests draw from, few enough to meet.
var (
	someVerbs  = []string{"GET", "POST", "DELETE", "get", ""}
	someRoutes = []string{"", "/", "/paid", "/paid/1", "/v1/orders/7", "/v1/orders/7/items", "/api/a/x", "/api/c/x", "/Admin", "/admin/x", "/a.pdf", "/paid\n", "/\xff/é"}
	someIPs    = []string{"", "10.0.0.1", "120.110.10.11", "2001:db8::1"}
	someBodies = []string{
		``, `{}`, `null`, `[1]`, `"paid"`, `{"plan":"paid"}`, `{"plan":"free","plan":"paid"}`, `{"a":{"b":"paid"}}`, `{"a.b":"paid"}`, `{"a":{"b":null},"a.b":7}`,
		`{"a":{"b":{"c":true}},"a.b":{"c":"paid"}}`, `{"plan":7.50}`, `{"plan":true}`, `{"plan":["paid"]}`, `{"plan":"pa\u0069d"}`, `{"plan":"paid"`, `{"plan":"paid"} x`,
		`{ paid }`, `{"\u0061":{"b.c":"paid"}}`,
	}
	somePaths = []string{
		"request.verb", "request.verb", "request.route", "request.route", "request.route", "request.ip_address", "request.ip", "request.headers.X-Bot",
		"request.headers.x-key", "request.body.plan", "request.body.a.b", "request.body.a.b.c", "request.body.query", "response.status", "request.uri", "",
	}
	someExpressions = []string{
		`GET`, `^(GET|POST)$`, `POST|DELETE`, `(?i)get`, `^/paid`, `/paid`, `^/paid$`, `/paid/.*`, `^/v1/orders/.*`, `^/v1/orders/.*$`, `^/api/(a|b)/x$`, `\.pdf$`, `(?i)/Admin`,
		`^/v1/orders/[0-9]+$`, `/[0-9]+/items`, `.*`, ``, `^$`, `.`, `yes`, `^yes, no$`, `paid`, `^7`, `true`, `10\.0\.0\..*`, `^120`, `[`, `(?!x)`, `/api/*`, `é`, "\uFFFD", `x*$`, `\bpaid\b`, `(?s)^/paid.*$`,
	}
	someTexts  = []string{"x", "{{v}}", "a {{v|d}} b {{w}}", "{{ v | some default }}", "{{other}}", "{{other|}}", "{{}}", "{{{v}}}", "{{v", "é{{v}}\t"}
	someValues = []string{"", "free", `"},{"`, "{{w}}", "é"}
	someIDs    = []string{"r0", "r1", "r2", "r3", "r4", "r5", "nobody"}
)

func drawConditions(t *rapid.T) []wire.RegexGroup {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) wire.RegexGroup {
		return wire.RegexGroup{Conditions: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) wire.Condition {
			return wire.Condition{Path: rapid.SampledFrom(somePaths).Draw(t, "path"), Value: rapid.SampledFrom(someExpressions).Draw(t, "value")}
		}), 0, 3).Draw(t, "conditions")}
	}), 0, 3).Draw(t, "groups")
}

func drawRule(t *rapid.T) wire.Rule {
	text := rapid.SampledFrom(someTexts)
	body, err := json.Marshal(map[string]any{"m": text.Draw(t, "body"), "{{v}}": []any{1.5, nil, text.Draw(t, "element")}})
	if err != nil {
		t.Fatal(err)
	}
	u := wire.Rule{
		ID:                    rapid.SampledFrom(someIDs[:6]).Draw(t, "id"),
		Type:                  rapid.SampledFrom([]string{"user", "user", "company", "regex", "other"}).Draw(t, "type"),
		Block:                 rapid.Bool().Draw(t, "block"),
		AppliedTo:             rapid.SampledFrom([]string{"", "matching", "matching", "not_matching", "not_matching"}).Draw(t, "applied to"),
		AppliedToUnidentified: rapid.Bool().Draw(t, "unidentified"),
		RegexConfig:           drawConditions(t),
		Response: wire.RuleResponse{
			Status:  rapid.SampledFrom([]int{0, 100, 200, 204, 402, 429, 999, 1000, -1}).Draw(t, "status"),
			Headers: map[string]string{},
			Body:    rapid.SampledFrom([]json.RawMessage{body, body, nil, []byte(`null`), []byte(`"s {{v}}"`), []byte(`7`)}).Draw(t, "whole body"),
		},
	}
	for _, name := range []string{"v", "w"} {
		if rapid.Bool().Draw(t, "declared") {
			u.Variables = append(u.Variables, wire.Variable{Name: name, Path: "x"})
		}
	}
	for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"X-A", "x-a", "X-B", "content-type"}), 0, 3).Draw(t, "headers") {
		u.Response.Headers[name] = rapid.SampledFrom(someTexts[:7]).Draw(t, "header")
	}
	return u
}

func drawMembers(t *rapid.T, ids []string) map[string][]wire.RuleRef {
	m := map[string][]wire.RuleRef{}
	for _, id := range ids {
		m[id] = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) wire.RuleRef {
			ref := wire.RuleRef{Rules: rapid.SampledFrom(someIDs).Draw(t, "rule")}
			if rapid.Bool().Draw(t, "has values") {
				ref.Values = map[string]string{"v": rapid.SampledFrom(someValues).Draw(t, "v"), "other": "not declared"}
			}
			return ref
		}), 0, 5).Draw(t, "entries of "+id)
	}
	return m
}

func drawSubject(t *rapid.T) *Subject {
	r := &Subject{
		UserID: rapid.SampledFrom([]string{"", "alice", "bob", "carol"}).Draw(t, "user"), CompanyID: rapid.SampledFrom([]string{"", "acme", "other"}).Draw(t, "company"),
		Verb: rapid.SampledFrom(someVerbs).Draw(t, "verb"), Route: rapid.SampledFrom(someRoutes).Draw(t, "route"), IP: rapid.SampledFrom(someIPs).Draw(t, "ip"),
		Status: rapid.SampledFrom([]int{0, 200, 404}).Draw(t, "status"),
	}
	for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"X-Bot", "x-bot", "X-Key", "Content-Type"}), 0, 3).Draw(t, "header names") {
		r.Headers = append(r.Headers, wire.Header{Name: name, Value: rapid.SampledFrom([]string{"yes", "no", "", "application/graphql"}).Draw(t, "header value")})
	}
	if body := rapid.SampledFrom(someBodies).Draw(t, "body"); body != "" {
		r.Body = Bytes(body)
	}
	return r
}

// sameDecision compares decisions, of bodies and headers only what they say.
func sameDecision(got, want Decision) error {
	var a, b any
	if (got.Body == nil) != (want.Body == nil) || got.Body != nil && (json.Unmarshal(got.Body, &a) != nil || json.Unmarshal(want.Body, &b) != nil || !reflect.DeepEqual(a, b)) {
		return fmt.Errorf("body: got %s, want %s", got.Body, want.Body)
	}
	byName := func(x, y wire.Header) int { return cmp.Compare(x.Name, y.Name) }
	g, w := slices.SortedFunc(slices.Values(got.Headers), byName), slices.SortedFunc(slices.Values(want.Headers), byName)
	if !slices.Equal(g, w) {
		return fmt.Errorf("headers: got %q, want %q", g, w)
	}
	got.Body, got.Headers, want.Body, want.Headers = nil, nil, nil, nil
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("got %+v, want %+v", got, want)
	}
	return nil
}

func TestDecisionsAreThoseOfTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ref := reference{
			config: wire.AppConfig{UserRules: drawMembers(t, []string{"alice", "bob"}), CompanyRules: drawMembers(t, []string{"acme"})},
			rules:  rapid.SliceOfN(rapid.Custom(drawRule), 0, 12).Draw(t, "rules"),
		}
		document, err := json.Marshal(ref.config)
		if err != nil {
			t.Fatal(err)
		}
		config, err := ReadConfig(document)
		if err != nil {
			t.Fatal(err)
		}
		s, served := Compile(ref.config, ref.rules, Options{}), config.Compile(ref.rules, Options{})
		if !slices.Equal(s.Problems(), served.Problems()) {
			t.Fatalf("problems %q, of the document %q", s.Problems(), served.Problems())
		}
		for range 8 {
			r := drawSubject(t)
			got := s.Decide(r)
			if err := sameDecision(served.Decide(r), got); err != nil {
				t.Fatalf("of the document: %v", err)
			}
			if err := sameDecision(got, ref.decide(r)); err != nil {
				t.Fatal(err)
			}
			if again := s.Decide(r); !reflect.DeepEqual(got, again) {
				t.Fatalf("asked again: %+v, then %+v", got, again)
			}
		}
	})
}

// More rules than a chunk of an index holds, with literals that many share.
func TestManyRulesDecideAsOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(most-2, 2*most+2).Draw(t, "rules")
		words := rapid.SliceOfN(rapid.StringMatching(`[ab/]{0,6}`), 8, 8).Draw(t, "words")
		groups := make([][]group, n)
		c := newCompiler()
		for i := range groups {
			for k := range 1 + i%3 {
				g, v, problems := c.group([]wire.Condition{
					{Path: "request.route", Value: fmt.Sprintf([]string{`^%s`, `%s`, `%s$`, `(?i)%s`, `%s[0-9]`}[(i+k)%5], words[(i*7+k)%8])},
					{Path: []string{"request.verb", "request.headers.x"}[i%2], Value: words[(i+k)%8]},
				}, false)
				if v != works {
					t.Fatal(problems)
				}
				groups[i] = append(groups[i], g)
			}
		}
		x := newIndex(groups)
		r := request{Subject: &Subject{Verb: words[0], Route: words[1] + words[2] + "7", Headers: wire.Headers{{Name: "X", Value: words[3]}}}}
		var got, want []int
		for w := x.walk(); ; {
			i, ok := w.next(&r)
			if !ok {
				break
			}
			got = append(got, i)
		}
		for i, gs := range groups {
			if slices.ContainsFunc(gs, func(g group) bool { return g.match(&r) }) {
				want = append(want, i)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}
