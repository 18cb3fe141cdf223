package config

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gatemeter/gatemeter/gateway/config/schema"
)

// Lint is Load that is content with nothing but a clean file: its error holds what
// Load refuses, what Load warns of, and what the schema of a krakend.json does not
// allow, in the order of the file. The schema takes no weak types: "8081" for a port
// and one text for a list work (KrakenD v3, 1.1), but other programs that read the
// file, and the next person, may not know that.
func Lint(path string, env func(string) (string, bool)) (*Service, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return lint(path, data, env)
}

func lint(file string, data []byte, env func(string) (string, bool)) (*Service, error) {
	own, err := ourSchema()
	if err != nil {
		return nil, Problems{{Path: "krakend.schema.json", Message: err.Error()}}
	}
	f := &findings{order: map[string]int{}}
	s, err := f.parse(file, data, env)
	if err != nil && f.tree == nil {
		return nil, err // what is no configuration has no keys
	}
	for _, w := range f.warnings {
		path, text, _ := strings.Cut(w, ": ")
		f.problems = append(f.problems, Problem{Path: path, Message: text})
	}
	return f.lintedBy(own, s)
}

// LintAgainst is Load that also holds the file against the JSON Schema in another
// file, instead of ours; what Load only warns of stays a warning. The schema may refer
// to files beside it, and to nothing that would have to be fetched.
func LintAgainst(schemaPath, path string, env func(string) (string, bool)) (*Service, error) {
	text, err := readFile(schemaPath)
	if err != nil {
		return nil, err
	}
	absolute, err := filepath.Abs(schemaPath)
	if err != nil {
		return nil, Problems{{Path: schemaPath, Message: err.Error()}}
	}
	foreign, err := newFileSchema(absolute, string(text))
	if err != nil {
		return nil, Problems{{Path: schemaPath, Message: fmt.Sprintf("not a JSON Schema that can be used: %v", err)}}
	}
	foreign.foreign = true
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	f := &findings{order: map[string]int{}}
	s, err := f.parse(path, data, env)
	if err != nil && f.tree == nil {
		return nil, err
	}
	return f.lintedBy(foreign, s)
}

// lintedBy adds what by does not allow to the problems; s is the file as it was read,
// and is given back when there are none.
func (f *findings) lintedBy(by *fileSchema, s *Service) (*Service, error) {
	said := map[string]bool{}
	for _, p := range f.problems {
		said[p.Path] = true
	}
	for _, p := range by.against(f.tree) {
		if !said[p.Path] {
			said[p.Path] = true
			f.problems = append(f.problems, p)
		}
	}
	if len(f.problems) == 0 {
		return s, nil
	}
	lines := f.lines()
	slices.SortStableFunc(f.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(lines.Of(a.Path), lines.Of(b.Path)), cmp.Compare(f.place(a.Path), f.place(b.Path)))
	})
	return nil, f.located()
}

// place tells keys on one line of a JSON file apart: how many values begin before
// that of path, or of the block that it is missing from.
func (f *findings) place(path string) int {
	for ; path != ""; path = parent(path) {
		if n, ok := f.order[path]; ok {
			return n
		}
	}
	return 0
}

// fileSchema is the schema compiled, and as it is written.
type fileSchema struct {
	compiled *jsonschema.Schema
	document map[string]any
	foreign  bool // its titles and descriptions are written for other messages
}

// ourSchema is compiled when it is needed for the first time; a test holds that it
// can be.
var ourSchema = sync.OnceValues(func() (*fileSchema, error) {
	return newFileSchema("/krakend.schema.json", schema.Document)
})

// newFileSchema compiles text, which stands in the file at path.
func newFileSchema(path, text string) (*fileSchema, error) {
	place := (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
	s := &fileSchema{}
	if err := json.Unmarshal([]byte(text), &s.document); err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(place, doc); err != nil {
		return nil, err
	}
	s.compiled, err = c.Compile(place)
	return s, err
}

// against lists what of a file s does not allow.
func (s *fileSchema) against(tree map[string]any) Problems {
	var failed *jsonschema.ValidationError
	if !errors.As(s.compiled.Validate(exactNumbers(tree)), &failed) {
		return nil
	}
	var leaves []*jsonschema.ValidationError
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		for _, cause := range e.Causes {
			walk(cause)
		}
		if len(e.Causes) == 0 { // the causes of a reference or a group say more
			leaves = append(leaves, e)
		}
	}
	walk(failed)
	slices.SortStableFunc(leaves, func(a, b *jsonschema.ValidationError) int {
		return slices.CompareFunc(a.InstanceLocation, b.InstanceLocation, compareSteps)
	})
	var problems Problems
	for _, e := range leaves {
		problems = append(problems, s.explain(tree, e)...)
	}
	return problems
}

// compareSteps orders keys by their letters, and indexes by their numbers.
func compareSteps(a, b string) int {
	m, notA := strconv.Atoi(a)
	n, notB := strconv.Atoi(b)
	if notA == nil && notB == nil {
		return cmp.Compare(m, n)
	}
	return strings.Compare(a, b)
}

// valueAt follows keys and indexes to a value of the file, and writes the way as paths
// are written here.
func valueAt(v any, way []string) (value any, path string) {
	for _, step := range way {
		switch inside := v.(type) {
		case map[string]any:
			v, path = inside[step], under(path, step)
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(inside) {
				return nil, path
			}
			v, path = inside[i], item(path, i)
		}
	}
	return v, path
}

// at gives the object of the schema that a URL points to.
func (s *fileSchema) at(url string) map[string]any {
	_, pointer, _ := strings.Cut(url, "#")
	var v any = s.document
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if step == "" {
			continue
		}
		step = strings.NewReplacer("~1", "/", "~0", "~", "%5E", "^", "%25", "%").Replace(step)
		switch inside := v.(type) {
		case map[string]any:
			v = inside[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(inside) {
				return nil
			}
			v = inside[i]
		}
	}
	object, _ := v.(map[string]any)
	return object
}

// exactNumbers copies a tree for the validator, which counts with exact fractions:
// of 1e-999999999 it would never come back. A number that is none becomes text.
func exactNumbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, e := range v {
			out[key] = exactNumbers(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = exactNumbers(e)
		}
		return out
	case json.Number, float64:
		if n, ok := asInt(v); ok {
			return n
		}
		f, ok := asFloat(v)
		if !ok || math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Sprint(v)
		}
		return f
	}
	return v
}
