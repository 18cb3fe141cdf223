package schema

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

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
