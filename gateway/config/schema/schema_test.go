package schema

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
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

// object is a JSON object whose keys keep their order.
type object []member

type member struct {
	key   string
	value any
}

func (o object) get(key string) any {
	for _, m := range o {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// MarshalJSON is part of json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			out = append(out, ',')
		}
		for j, v := range []any{m.key, m.value} {
			text, err := plainJSON(v)
			if err != nil {
				return nil, err
			}
			if j > 0 {
				out = append(out, ':')
			}
			out = append(out, text...)
		}
	}
	return append(out, '}'), nil
}

func plainJSON(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(out.Bytes()), err
}

// bundle puts the parts together. It adds what every object has: no keys but its
// own, and remarks; spells references out; and gives namespaces their older names.
func bundle(t *testing.T) []byte {
	t.Helper()
	var defs, root object
	for _, name := range parts {
		for _, m := range readPart(t, name) {
			switch {
			case strings.HasPrefix(m.key, "."): // a part of parts
			case m.key == "root":
				root = finish(m.value).(object)
			default:
				defs = append(defs, member{m.key, finish(m.value)})
			}
		}
	}
	legacy := readPart(t, "legacy")
	for i, d := range defs {
		if strings.HasPrefix(d.key, "extra_config_") {
			defs[i].value = withOlderNames(d.value.(object), legacy)
		}
	}
	whole := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"title", "an object with the keys of a krakend.json, version 3"},
		{"description", "The configuration of gatemeter, which is KrakenD's version 3."},
	}
	whole = append(append(whole, root...), member{"$defs", defs})
	text, err := plainJSON(whole)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		t.Fatal(err)
	}
	return append(out.Bytes(), '\n')
}

func readPart(t *testing.T, name string) object {
	t.Helper()
	data, err := os.ReadFile("parts/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return ordered(t, doc.Content[0]).(object)
}

// ordered turns YAML into objects whose keys keep their order.
func ordered(t *testing.T, n *yaml.Node) any {
	t.Helper()
	switch n.Kind {
	case yaml.AliasNode:
		return ordered(t, n.Alias)
	case yaml.SequenceNode:
		list := []any{}
		for _, e := range n.Content {
			list = append(list, ordered(t, e))
		}
		return list
	case yaml.MappingNode:
		var o object
		for i := 0; i < len(n.Content); i += 2 {
			key, value := n.Content[i], ordered(t, n.Content[i+1])
			if key.Tag != "!!merge" {
				o = append(o, member{key.Value, value})
				continue
			}
			if one, ok := value.(object); ok {
				value = []any{one}
			}
			for _, from := range value.([]any) {
				o = append(o, from.(object)...)
			}
		}
		return o
	}
	var v any
	if err := n.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func finish(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = finish(v[i])
		}
		return v
	case object:
		out := make(object, 0, len(v)+2)
		for _, m := range v {
			if ref, ok := m.value.(string); ok && m.key == "$ref" {
				m.value = "#/$defs/" + ref
			} else if m.key != "default" && m.key != "enum" {
				m.value = finish(m.value)
			}
			out = append(out, m)
		}
		if _, closed := out.get("properties").(object); closed {
			out = withRemarks(out)
		}
		return out
	}
	return v
}

func withRemarks(o object) object {
	remark := member{"^[@$_#]", true}
	found := false
	for i := range o {
		if o[i].key == "patternProperties" {
			o[i].value, found = append(o[i].value.(object), remark), true
		}
	}
	if !found {
		o = append(o, member{"patternProperties", object{remark}})
	}
	if o.get("additionalProperties") == nil {
		o = append(o, member{"additionalProperties", false})
	}
	return o
}

func withOlderNames(level, legacy object) object {
	for i := range level {
		if level[i].key != "properties" {
			continue
		}
		names := level[i].value.(object)
		for _, older := range legacy {
			if now, ok := names.get(older.value.(string)).(object); ok {
				about := "Older name of " + older.value.(string) + "."
				names = append(names, member{older.key, object{{"$ref", now.get("$ref")}, {"deprecated", true}, {"description", about}}})
			}
		}
		level[i].value = names
	}
	return level
}
