package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// explain says in the words of the reader what is wrong at one place.
func (s *fileSchema) explain(tree any, e *jsonschema.ValidationError) Problems {
	value, path := valueAt(tree, e.InstanceLocation)
	var here map[string]any
	if !s.foreign {
		here = s.at(e.SchemaURL)
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		return missingKeys(path, k.Missing, s, here)
	case *kind.AdditionalProperties:
		return unknownKeys(path, k.Properties, spelledNow(here))
	}
	text := mustBe(here, e.ErrorKind)
	if secret, _ := here["writeOnly"].(bool); !secret && !s.foreign { // which does not tell what is secret
		text += " (got " + found(value, e.ErrorKind) + ")"
	}
	if k, ok := e.ErrorKind.(*kind.Enum); ok {
		if word, ok := value.(string); ok {
			text += didYouMean(word, words(k.Want))
		}
	}
	return Problems{{Path: path, Message: text}}
}

func unknownKeys(path string, keys, known []string) Problems {
	var problems Problems
	for _, key := range slices.Sorted(slices.Values(keys)) {
		text := "unknown key" + didYouMean(key, known)
		if i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, key) }); i >= 0 {
			text = "in another case than " + known[i] + ", which some programs do not take for it"
		}
		problems = append(problems, Problem{Path: under(path, key), Message: text})
	}
	return problems
}

func missingKeys(path string, keys []string, s *fileSchema, here map[string]any) Problems {
	var problems Problems
	properties, _ := here["properties"].(map[string]any)
	for _, key := range keys {
		property, _ := properties[key].(map[string]any)
		about, _ := property["description"].(string)
		if ref, ok := property["$ref"].(string); ok && about == "" {
			about, _ = s.at(ref)["description"].(string)
		}
		problems = append(problems, Problem{Path: under(path, key), Message: strings.TrimSuffix("missing: "+inASentence(about), ": ")})
	}
	return problems
}

// inASentence makes a description the second half of a message.
func inASentence(description string) string {
	d := strings.TrimSuffix(description, ".")
	if len(d) > 1 && d[1] >= 'a' && d[1] <= 'z' {
		d = strings.ToLower(d[:1]) + d[1:]
	}
	return d
}

// spelledNow gives the keys of an object of the schema, without the older names.
func spelledNow(here map[string]any) []string {
	properties, _ := here["properties"].(map[string]any)
	keys := slices.Sorted(maps.Keys(properties))
	return slices.DeleteFunc(keys, func(key string) bool { return strings.HasPrefix(key, "github") })
}

var typeNames = map[string]string{
	"string": "text", "boolean": "true or false", "integer": "a whole number", "number": "a number",
	"array": "a list", "object": "an object", "null": "null",
}

// mustBe says what a value has to be. A title of the schema says it best.
func mustBe(here map[string]any, failed jsonschema.ErrorKind) string {
	if title, ok := here["title"].(string); ok {
		return "must be " + title
	}
	switch k := failed.(type) {
	case *kind.Type:
		names := make([]string, len(k.Want))
		for i, name := range k.Want {
			names[i] = typeNames[name]
		}
		return "must be " + strings.Join(names, " or ")
	case *kind.Enum:
		return "must be one of " + strings.Join(words(k.Want), ", ")
	case *kind.Const:
		return fmt.Sprintf("must be %v", k.Want)
	case *kind.Minimum:
		return "must be at least " + k.Want.RatString()
	case *kind.Maximum:
		return "must be at most " + k.Want.RatString()
	case *kind.MinItems:
		return fmt.Sprintf("must have %d or more elements", k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("must have %d or fewer elements", k.Want)
	case *kind.MinLength:
		if k.Want > 1 {
			return fmt.Sprintf("must have %d or more characters", k.Want)
		}
		return "must not be empty"
	}
	return "is not what the schema allows"
}

// found shows a value, or how much of it there is.
func found(v any, failed jsonschema.ErrorKind) string {
	switch k := failed.(type) {
	case *kind.MinItems:
		return strconv.Itoa(k.Got)
	case *kind.MaxItems:
		return strconv.Itoa(k.Got)
	}
	return show(v)
}

func words(values []any) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprint(v)
	}
	return out
}
