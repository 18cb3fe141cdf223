package modify

import (
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func schemaOf(t testing.TB, text string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.AssertFormat()
	if err := c.AddResource("file:///schema", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("file:///schema")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

const numbers = `{"properties":{"n":{"type":"number","minimum":0,"multipleOf":0.5},"e":{"enum":[1,2]},"u":{"uniqueItems":true},"p":{"pattern":"^(a+)+$"}}}`

// A number is computed exactly: one of ten bytes must not keep a processor busy.
func TestNumbersOutOfRangeAreRefused(t *testing.T) {
	c := &schemaCheck{schema: schemaOf(t, numbers)}
	for body, refused := range map[string]bool{
		`{"n":1e1000}`:                                   false,
		`{"n":1e+1000}`:                                  false,
		`{"n":1E1001}`:                                   true,
		`{"n":-1e-1001}`:                                 true,
		`{"n":1e99999999999999999999}`:                   true,
		`{"u":[{"deep":[1e1000000]}]}`:                   true,
		`{"n":` + strings.Repeat("9", maxDigits) + `}`:   false,
		`{"n":` + strings.Repeat("9", maxDigits+1) + `}`: true,
	} {
		const want = "the body holds a number that is out of range"
		if got := c.problem([]byte(body)); (got == want) != refused {
			t.Errorf("%.40s: %q", body, got)
		}
	}
}

func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"n":1.5e3,"e":1,"u":[1,[2],{"a":null}],"p":"aaaa"}`))
	f.Add([]byte(`[1e1000000]`))
	c := &schemaCheck{schema: schemaOf(f, numbers)}
	f.Fuzz(func(_ *testing.T, body []byte) { c.problem(body) })
}
