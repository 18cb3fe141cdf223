package rule

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// filled returns the body that a rule for user u answers with.
func filled(t testing.TB, variables []string, values map[string]string, response wire.RuleResponse) Decision {
	t.Helper()
	u := wire.Rule{ID: "r", Type: "user", Block: true, AppliedTo: matching, Response: response}
	for _, name := range variables {
		u.Variables = append(u.Variables, wire.Variable{Name: name})
	}
	config := wire.AppConfig{UserRules: map[string][]wire.RuleRef{"u": {{Rules: "r", Values: values}}}}
	d := Compile(config, []wire.Rule{u}, Options{}).Decide(&Subject{UserID: "u"})
	if !d.Blocked {
		t.Fatal("not blocked")
	}
	return d
}

func TestTemplates(t *testing.T) {
	values := map[string]string{"0": "free", "1": "", "list": `["a","b"]`, "hostile": "\"},\n{\"x\\\x00\x1f\x7f\u2028\xff", "undeclared": "secret", "tag": "{{0}}"}
	declared := []string{"0", "1", "2", "list", "hostile", "tag"}
	for _, c := range []struct {
		name      string
		variables []string
		body      string
		want      string
	}{
		{"a value", declared, `{"m":"plan {{0}}, {{0}}!"}`, `{"m":"plan free, free!"}`},
		{"an empty value is missing", declared, `"{{1}}"`, `"UNKNOWN"`},
		{"no value", declared, `"{{2}}"`, `"UNKNOWN"`},
		{"a default", declared, `"{{2|some plan}} {{1|x}} {{0|not this}}"`, `"some plan x free"`},
		{"an empty default", declared, `"<{{2|}}>"`, `"<>"`},
		{"a default with a bar", declared, `"{{2|a|b}}"`, `"a|b"`},
		{"space", declared, `"{{ 0 }} {{ 2 | x y }}"`, `"free x y"`},
		{"not declared", declared, `"{{undeclared}} {{3|d}}"`, `"UNKNOWN d"`},
		{"no variables", nil, `{"m":"{{0}} {{0|d}}"}`, `{"m":"{{0}} {{0|d}}"}`},
		{"keys are not templates", declared, `{"{{0}}":"{{0}}"}`, `{"{{0}}":"free"}`},
		{"nested", declared, `[{"a":["{{0}}",[{"b":"{{2}}"}]]},7,null,true]`, `[{"a":["free",[{"b":"UNKNOWN"}]]},7,null,true]`},
		{"escapes around and in a tag", declared, `"\"\u007b{0}}\n\\{{0}}\ud83d\ude00{{\u0030}}"`, `"\"free\n\\free😀free"`},
		{"a list", declared, `"{{list}}"`, `"[\"a\",\"b\"]"`},
		{"a hostile value", declared, `{"m":"{{hostile}}"}`, `{"m":"\"},\n{\"x\\\u0000\u001f` + "\x7f\u2028\uFFFD" + `"}`},
		{"a value is no template", declared, `"{{tag}}"`, `"{{0}}"`},
		{"braces", declared, `"{{{0}}} {{}} {{0} {0}} {{a{{0}} {{0"`, `"{free} {{}} {{0} {0}} {{afree {{0"`},
		{"a hostile default", declared, `"{{2|\"},\n{}}"`, `"{{2|\"},\n{}}"`},
		{"a default with a quote", declared, `"{{2|\"q\"\\}}"`, `"\"q\"\\"`},
		{"a string", declared, `"{{0}}"`, `"free"`},
		{"a number", declared, `42`, `42`},
		{"white space around", declared, " {\"m\" : \"{{0}}\"}\n", ` {"m" : "free"}` + "\n"},
		{"null", declared, `null`, ``},
		{"nothing", declared, ``, ``},
		{"not JSON", declared, `{"m":"{{0}}"`, ``},
	} {
		d := filled(t, c.variables, values, wire.RuleResponse{Status: 402, Body: []byte(c.body)})
		if string(d.Body) != c.want {
			t.Errorf("%s: %s became %s, want %s", c.name, c.body, d.Body, c.want)
		}
		if (d.Body == nil) != (c.want == "") {
			t.Errorf("%s: no body must be nil", c.name)
		}
	}
}

func TestHeaderTemplates(t *testing.T) {
	values := map[string]string{"0": "100", "split": "a\r\nSet-Cookie: x=1\x00\x1b\x7f", "blank": " \r\n", "utf": "é\xff"}
	for _, c := range []struct{ text, want string }{
		{"{{0}}", "100"},
		{"limit {{0}} of {{1|200}}", "limit 100 of 200"},
		{"{{1}}", "UNKNOWN"},
		{"{{split}}", "aSet-Cookie: x=1"},
		{"x\r\nEvil: 1", "xEvil: 1"},
		{"{{1|a\r\nb}}", "ab"},
		{" \t {{blank}} ", ""},
		{"a\tb", "a\tb"},
		{"{{utf}}", "é\xff"},
		{"", ""},
	} {
		d := filled(t, []string{"0", "1", "split", "blank", "utf"}, values, wire.RuleResponse{Headers: map[string]string{"x-test": c.text}})
		if len(d.Headers) != 1 || d.Headers[0] != (wire.Header{Name: "X-Test", Value: c.want}) {
			t.Errorf("%q: got %q, want %q", c.text, d.Headers, c.want)
		}
	}
}

// FuzzTemplate fills any text with any value: what comes out is the same JSON
// with the texts replaced, and a value that may stand in a header.
func FuzzTemplate(f *testing.F) {
	for _, text := range someTexts {
		f.Add(text, "key", `"},{"`)
	}
	f.Add("\r\n{{v|\x00}}", "{{v}}", "\xff\r\n\x00")
	f.Fuzz(func(t *testing.T, text, key, value string) {
		body, err := json.Marshal(map[string]any{key: []any{text, 1.5, map[string]any{"deep": text}}})
		if err != nil {
			t.Fatal(err)
		}
		d := filled(t, []string{"v"}, map[string]string{"v": value}, wire.RuleResponse{Headers: map[string]string{"x-test": text}, Body: body})
		if len(d.Headers) != 2 || strings.ContainsFunc(d.Headers[0].Value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			t.Fatalf("headers %q", d.Headers)
		}
		var got, want any
		if err := json.Unmarshal(d.Body, &got); err != nil || !utf8.Valid(d.Body) {
			t.Fatalf("%s: %v", d.Body, err)
		}
		u := wire.Rule{Variables: []wire.Variable{{Name: "v"}}, Response: wire.RuleResponse{Body: body}}
		if err := json.Unmarshal(refBody(refApplied{&u, map[string]string{"v": value}}), &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %s, want %v (%v)", d.Body, want, err)
		}
	})
}

// FuzzBody takes any bytes for a body: they are sent as they are or not at all.
func FuzzBody(f *testing.F) {
	for _, body := range append(someBodies, `"{{v}}"`, `{"a":"\ud800{{v}}\u00`, `1e999`) {
		f.Add([]byte(body), "x")
	}
	f.Fuzz(func(t *testing.T, body []byte, value string) {
		d := filled(t, []string{"v"}, map[string]string{"v": value}, wire.RuleResponse{Body: body})
		if d.Body != nil && !json.Valid(d.Body) {
			t.Fatalf("%q became %q", body, d.Body)
		}
		if valid := json.Valid(body); !valid && d.Body != nil {
			t.Fatalf("%q is not JSON, but became %q", body, d.Body)
		}
	})
}
