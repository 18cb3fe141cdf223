package schema

import (
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "put the published schema together anew")

// parts are the files of the schema in the order in which they are published.
// levels.yaml has the names of the namespaces.
var parts = []string{
	"root", "levels", "types", "pipe", "auth", "security", "limits", "telemetry", "martian",
}

func TestThePublishedSchemaIsThatOfTheParts(t *testing.T) {
	got := bundle(t)
	if *update {
		if err := os.WriteFile("krakend.schema.json", got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(got) != Document {
		t.Error("krakend.schema.json is older than the parts: go generate ./gateway/config/schema")
	}
}

func TestEveryPartIsPublished(t *testing.T) {
	files, err := os.ReadDir("parts")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".yaml")
		if name != "legacy" && !slices.Contains(parts, name) {
			t.Errorf("parts/%s is not published", f.Name())
		}
	}
}

func TestTheSchemaFollowsItsDraft(t *testing.T) {
	if _, err := compiler(t).Compile(place); err != nil {
		t.Errorf("%#v", err)
	}
}

const place = "file:///krakend.schema.json"

func compiler(t *testing.T) *jsonschema.Compiler {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(Document))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(place, doc); err != nil {
		t.Fatal(err)
	}
	return c
}

// An editor puts a default in when it completes a key.
func TestEveryDefaultIsAllowed(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(Document))
	if err != nil {
		t.Fatal(err)
	}
	parts, checked := compiler(t), 0
	var walk func(pointer string, v any)
	walk = func(pointer string, v any) {
		node, _ := v.(map[string]any)
		for key, e := range node {
			walk(pointer+"/"+strings.ReplaceAll(url.PathEscape(key), "%2F", "~1"), e)
		}
		is, ok := node["default"]
		if _, key := is.(map[string]any); !ok || key {
			return
		}
		checked++
		part, err := parts.Compile(place + "#" + pointer)
		if err != nil {
			t.Fatal(err)
		}
		if err := part.Validate(is); err != nil {
			t.Errorf("%s: %v", pointer, err)
		}
	}
	walk("", doc)
	if checked < 100 {
		t.Errorf("only %d defaults were found", checked)
	}
}

// A key without a description is a key that an editor can't explain, and a part
// that nothing refers to is one that was forgotten.
func TestEveryKeyIsDescribedAndEveryPartUsed(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal([]byte(Document), &doc); err != nil {
		t.Fatal(err)
	}
	defs, _ := doc["$defs"].(map[string]any)
	used := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				used[strings.TrimPrefix(ref, "#/$defs/")] = true
			}
			if properties, ok := v["properties"].(map[string]any); ok {
				for key, p := range properties {
					if p := p.(map[string]any); !described(defs, p) {
						t.Errorf("%s.%s has no description", path, key)
					}
				}
			}
			for key, e := range v {
				walk(path+"."+key, e)
			}
		case []any:
			for _, e := range v {
				walk(path, e)
			}
		}
	}
	walk("", doc)
	for name := range defs {
		if !used[name] {
			t.Errorf("%s is used nowhere", name)
		}
	}
}

func described(defs, p map[string]any) bool {
	text, _ := p["description"].(string)
	if ref, ok := p["$ref"].(string); ok && text == "" {
		far, _ := defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		text, _ = far["description"].(string)
	}
	return strings.HasSuffix(text, ".")
}
