package rule

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Patterns that people write must not need the machine, and those that do must
// be found by a literal.
func TestWhatPatternsCost(t *testing.T) {
	for _, c := range []struct {
		value   string
		machine bool
		needs   []string
	}{
		{`^/v1/orders/.*`, false, []string{"/v1/orders/"}},
		{`^/v1/orders/.*$`, false, []string{"/v1/orders/"}},
		{`/paid`, false, []string{"/paid"}},
		{`/api/*`, false, []string{"/api"}},
		{`^/api/(a|b)/x$`, false, []string{"/api/a/x", "/api/b/x"}},
		{`^(GET|POST)$`, false, []string{"GET", "POST"}},
		{`GET`, false, []string{"GET"}},
		{`\.pdf$`, false, []string{".pdf"}},
		{`10\.0\.[0-3]\.7`, false, []string{"10.0.0.7", "10.0.1.7", "10.0.2.7", "10.0.3.7"}},
		{`.*`, false, nil},
		{``, false, nil},
		{`^$`, false, nil},
		{`(?i)/Admin`, true, []string{"/ADMIN"}},
		{`(?i)/books`, true, []string{"/BOO"}}, // the Kelvin sign is a k
		{`^/users/[0-9]+/items$`, true, []string{"/users/"}},
		{`^/u/[0-9]+/subscriptions$`, true, []string{"/subscriptions"}},
		{`(/first/[0-9]+|/second/\d+)$`, true, []string{"first/", "second/"}},
		{`(?:/first/.)+`, true, []string{"/first/"}},
		{`\bpaid\b`, true, []string{"paid"}},
		{`[^/]+`, true, nil},
		{`(a|[^/])x?$`, true, nil},
		{`\x{FFFD}`, true, nil}, // stands for any byte that is no UTF-8
	} {
		p, err := newPattern(c.value)
		if err != nil {
			t.Fatal(err)
		}
		if p.re != nil != c.machine || !slices.Equal(p.needs, c.needs) {
			t.Errorf("%s: machine %v, needs %q; want %v, %q", c.value, p.re != nil, p.needs, c.machine, c.needs)
		}
	}
}

// agree fails when a pattern, or a filter made of it, and the expression say
// different things about text.
func agree(t interface{ Fatalf(string, ...any) }, value, text string) {
	re, err := regexp.Compile(value)
	p, bad := newPattern(value)
	if (err == nil) != (bad == nil) {
		t.Fatalf("%q: %v, but %v", value, err, bad)
	}
	if err != nil {
		return
	}
	if got, want := p.match(text), re.MatchString(text); got != want {
		t.Fatalf("%q in %q: got %v, want %v", value, text, got, want)
	}
	var found bitset
	x := newFilter(field{}, [][]string{p.needs})
	found = x.free
	if x.scan(text, &found); re.MatchString(text) && found[0] == 0 {
		t.Fatalf("%q in %q: the filter for %q rules it out", value, text, p.needs)
	}
}

func TestPatternsAgreeWithTheMachine(t *testing.T) {
	for _, text := range []string{"/v1/", "/v1/x", "/v1/\n", "/v1/x\ny", "/v1", "x/v1/", "\n/v1/"} {
		for _, value := range []string{`^/v1/.*$`, `^/v1/.*`, `^.*$`, `/v1/.*$`, `^/v1/(.*)$`, `^/v[12]/.*$`, `(?s)^/v1/.*$`, `(?m)^/v1/.*$`} {
			agree(t, value, text)
		}
	}
	pieces := rapid.SampledFrom([]string{
		"a", "b", "k", "s", "/", "/a", "ab", `\.`, ".", ".*", ".+", "a*", "b?", "[ab]", "[^a]", "(a|b)", "(a|bk)", "(?i:ks)", "(?i)", "^", "$", `\b`, "a{2}", "(b|)", "|", `\d`, "é", "[a-z]", "(?s:.*)", "(?m:^)",
	})
	texts := rapid.SampledFrom([]string{"a", "b", "k", "K", "\u212a", "ſ", "S", "/", "/a", "ab", ".", "\n", "aa", "é", "É", "\xff", "1", "ks"})
	rapid.Check(t, func(t *rapid.T) {
		value := strings.Join(rapid.SliceOfN(pieces, 0, 6).Draw(t, "pattern"), "")
		for range 10 {
			agree(t, value, strings.Join(rapid.SliceOfN(texts, 0, 7).Draw(t, "text"), ""))
		}
	})
}

func FuzzPattern(f *testing.F) {
	for _, value := range someExpressions {
		f.Add(value, "/paid/é\n")
	}
	f.Fuzz(func(t *testing.T, value, text string) { agree(t, value, text) })
}

func TestConditionsLookAtTheRequest(t *testing.T) {
	headers := wire.Headers{{Name: "x-bot", Value: "yes"}, {Name: "Accept", Value: "a"}, {Name: "ACCEPT", Value: "b"}, {Name: "X-Empty"}, {Name: "X.Dotted", Value: "1"}}
	const body = `{"op":"buy","n":7.50,"t":true,"z":null,"o":{"p":{"q":"deep"},"l":[1]},"o.p.r":"literal","o":{"p":{"q":"last"}},"e\u0301\"":"x"}`
	graphql := wire.Headers{{Name: "content-type", Value: "application/GraphQL; charset=utf-8"}}
	for _, c := range []struct {
		path, value string
		r           Subject
		want        bool
	}{
		{"request.verb", "POST", Subject{Verb: "POST"}, true},
		{"request.verb", "POST", Subject{Verb: "post"}, false},
		{"request.verb", ".*", Subject{}, false},
		{"request.route", "^/$", Subject{}, true},
		{"request.route", "^/paid", Subject{Route: "/paid/x"}, true},
		{"request.route", "/paid", Subject{Route: "/a/paid"}, true},
		{"request.ip_address", "^10", Subject{IP: "10.0.0.1"}, true},
		{"request.ip", "^10", Subject{IP: "10.0.0.1"}, true},
		{"request.ip", ".*", Subject{}, false},
		{"request.headers.X-Bot", "yes", Subject{Headers: headers}, true},
		{"request.headers.X-BOT", "^$", Subject{Headers: headers}, false},
		{"request.headers.X-None", ".*", Subject{Headers: headers}, false},
		{"request.headers.X-Empty", "^$", Subject{Headers: headers}, true},
		{"request.headers.X.Dotted", "1", Subject{Headers: headers}, true},
		{"request.headers.accept", "^a, b$", Subject{Headers: headers}, true}, // as it stands on the wire
		{"request.body.op", "^buy$", Subject{Body: Bytes(body)}, true},
		{"request.body.op", ".*", Subject{}, false},
		{"request.body.n", `^7\.50$`, Subject{Body: Bytes(body)}, true},
		{"request.body.t", "true", Subject{Body: Bytes(body)}, true},
		{"request.body.z", ".*", Subject{Body: Bytes(body)}, false},
		{"request.body.o", ".*", Subject{Body: Bytes(body)}, false},
		{"request.body.o.p.q", "^last$", Subject{Body: Bytes(body)}, true},
		{"request.body.o.p.r", "literal", Subject{Body: Bytes(body)}, true},
		{"request.body.o.l.0", ".*", Subject{Body: Bytes(body)}, false},
		{"request.body.e\u0301\"", "x", Subject{Body: Bytes(body)}, true},
		{"request.body.op", ".*", Subject{Body: Bytes(`not JSON`)}, false},
		{"request.body.op", ".*", Subject{Body: Bytes(`["op"]`)}, false},
		{"request.body.op", ".*", Subject{Body: Bytes(body + "x")}, false},
		{"request.body.query", "^query", Subject{Headers: graphql, Body: Bytes(`query { orders }`)}, true},
		{"request.body.op", ".*", Subject{Headers: graphql, Body: Bytes(body)}, false},
		{"request.body.query", "^query", Subject{Body: Bytes(`query { orders }`)}, false},
		{"response.status", "404", Subject{Status: 404}, false}, // not known when rules decide
		{"request.uri", ".*", Subject{Route: "/x"}, false},
		{"request.verb", "(?!x)", Subject{Verb: "POST"}, false},
	} {
		s := Compile(wire.AppConfig{}, []wire.Rule{{ID: "r", Type: "regex", Block: true, RegexConfig: []wire.RegexGroup{{
			Conditions: []wire.Condition{{Path: c.path, Value: c.value}},
		}}}}, Options{})
		if got := s.Decide(&c.r).Blocked; got != c.want {
			t.Errorf("%s = %s: got %v, want %v", c.path, c.value, got, c.want)
		}
	}
}

// long is a body that must not be used, though Read says so.
type long struct{ Bytes }

func (l long) Read() ([]byte, bool) { return l.Bytes, true }

func TestBodiesBeyondTheBoundDoNotMatch(t *testing.T) {
	s := documents(t, `{}`, `[{"_id":"r","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"request.body.a","value":"x"}]}]}]`, Options{})
	body := func(n int) Bytes { return Bytes(`{"a":"` + strings.Repeat("x", n-len(`{"a":""}`)) + `"}`) }
	if !s.Decide(&Subject{Body: body(MaxBody)}).Blocked {
		t.Error("a body of MaxBody bytes does not match")
	}
	if s.Decide(&Subject{Body: body(MaxBody + 1)}).Blocked || s.Decide(&Subject{Body: long{body(MaxBody + 1)}}).Blocked {
		t.Error("a longer body matches")
	}
}

// counted counts how often it is read.
type counted struct {
	Bytes
	reads *int
}

func (c counted) Read() ([]byte, bool) {
	*c.reads++
	return c.Bytes.Read()
}

func TestTheBodyIsReadLast(t *testing.T) {
	const rules = `[
	{"_id":"cohort","type":"user","block":true,"regex_config":[{"conditions":[{"path":"request.body.a","value":"x"}]}]},
	{"_id":"route","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"request.body.a","value":"x"},{"path":"request.headers.x","value":"1"},{"path":"request.route","value":"/a"}]}]},
	{"_id":"either","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"request.body.a","value":"x"},{"path":"request.route","value":"/b"}]},{"conditions":[{"path":"request.verb","value":"PUT"}]}]}]`
	s := documents(t, `{"user_rules":{"in":[{"rules":"cohort"}]}}`, rules, Options{})
	one := wire.Headers{{Name: "X", Value: "1"}}
	for _, c := range []struct {
		r     Subject
		by    string
		reads int
	}{
		{Subject{Route: "/"}, "", 0},
		{Subject{UserID: "out", Route: "/"}, "", 0},
		{Subject{UserID: "in", Route: "/"}, "cohort", 1},
		{Subject{Route: "/a"}, "", 0},
		{Subject{Headers: one}, "", 0},
		{Subject{Route: "/a", Headers: one}, "route", 1},
		{Subject{Verb: "PUT", Route: "/b"}, "either", 0},
		{Subject{Route: "/b"}, "either", 1},
		{Subject{UserID: "in", Route: "/a", Headers: one}, "cohort", 1},
	} {
		reads := 0
		c.r.Body = counted{Bytes(`{"a":"x"}`), &reads}
		if d := s.Decide(&c.r); d.BlockedBy != c.by || reads != c.reads {
			t.Errorf("%+v: by %q after %d reads, want %q after %d", c.r, d.BlockedBy, reads, c.by, c.reads)
		}
	}
}
