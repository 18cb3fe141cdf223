package config

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config/schema"
	"github.com/gatemeter/gatemeter/moesif"
)

// The tests of this file hold the schema and the reader in step: what one of them
// knows, the other one knows. They read files in which every key of the schema
// stands, and those of testdata, and look at what the reader asked for.

// unread are the keys of the schema that the reader of a served namespace does not
// ask for, with the reason. They are named by the part of the schema they are in.
var unread = map[string]string{}

// within are levels' extra_config in the schema.
var within = map[level]string{
	atService: "extra_config_service", atEndpoint: "extra_config_endpoint", atBackend: "extra_config_backend",
}

func TestEveryServedNamespaceIsInTheSchema(t *testing.T) {
	s := newSteps(t)
	for namespace, levels := range served {
		for _, at := range levels {
			s.wantNamespace(at, namespace)
			for long, short := range legacy {
				if short == namespace {
					s.wantNamespace(at, long)
				}
			}
		}
	}
	for _, namespace := range slices.Concat(guarded, ignored) {
		if !slices.ContainsFunc(slices.Collect(maps.Values(within)), func(def string) bool { return s.properties(def)[namespace] != nil }) &&
			!strings.HasPrefix(namespace, "async/") { // which stand in async_agent
			t.Errorf("%s is a namespace that messages suggest, and is in no extra_config of the schema (parts/levels.yaml)", namespace)
		}
	}
}

func TestEveryKeyOfTheReaderIsInTheSchema(t *testing.T) {
	s := newSteps(t)
	for _, def := range slices.Sorted(maps.Keys(s.asked)) {
		for _, key := range slices.Sorted(maps.Keys(s.asked[def])) {
			if s.lookup(s.node(def), key) == "" {
				t.Errorf("%s: the reader knows the key %s, the schema does not: describe it in gateway/config/schema/parts", def, key)
			}
		}
	}
	for at, of := range s.lost {
		t.Errorf("%s: the reader knows the keys %v of what the schema does not describe: add them in gateway/config/schema/parts", at, of)
	}
}

func TestEveryKeyOfTheSchemaIsKnownToTheReader(t *testing.T) {
	s := newSteps(t)
	told := map[string]bool{}
	for _, def := range slices.Sorted(maps.Keys(s.asked)) {
		if strings.HasPrefix(def, "extra_config_") {
			continue // namespaces, which TestEveryServedNamespaceIsInTheSchema is about
		}
		for _, key := range slices.Sorted(maps.Keys(s.properties(def))) {
			if s.asked[def][strings.ToLower(key)] {
				continue
			}
			if unread[def+"."+key] == "" {
				t.Errorf("%s: the schema has the key %s, which the reader does not know: read it, refuse it, or say in unread why not", def, key)
			}
			told[def+"."+key] = true
		}
	}
	for key := range unread {
		if !told[key] {
			t.Errorf("%s: the reader knows it by now, or the schema does not: take it out of unread", key)
		}
	}
	if len(s.asked) < 10 {
		t.Errorf("only %d kinds of blocks were read: the test looks in the wrong place", len(s.asked))
	}
}

// telemetry/moesif is read by the integration, which keeps its keys to itself.
func TestTheKeysOfMoesifAreThoseOfTheIntegration(t *testing.T) {
	source, err := os.ReadFile("../../moesif/parse.go")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(source), "var settings = map[string]setting{")
	table, _, _ := strings.Cut(after, "\n}\n")
	var known []string
	for _, m := range regexp.MustCompile(`(?m)^\t"([a-z_]+)":`).FindAllStringSubmatch(table, -1) {
		known = append(known, m[1])
	}
	slices.Sort(known)
	if len(known) < 20 {
		t.Fatalf("only %v found: the test looks in the wrong place", known)
	}
	if described := slices.Sorted(maps.Keys(newSteps(t).properties("moesif"))); !slices.Equal(described, known) {
		t.Errorf("the schema has %v\nthe integration %v", described, known)
	}
	for _, key := range known {
		_, errs := moesif.ParseConfig(map[string]any{key: nil})
		for _, err := range errs {
			if strings.Contains(err.Error(), "unknown key") {
				t.Error(err)
			}
		}
	}
}

// steps is what the reader asked for, by the part of the schema.
type steps struct {
	t        *testing.T
	document map[string]any
	asked    map[string]map[string]bool // part → lower-case keys
	lost     map[string][]string        // path of a block that no part describes → keys
}

func newSteps(t *testing.T) *steps {
	t.Helper()
	s := &steps{t: t, asked: map[string]map[string]bool{}, lost: map[string][]string{}}
	if err := json.Unmarshal([]byte(schema.Document), &s.document); err != nil {
		t.Fatal(err)
	}
	for variant := range 20 { // no choice has more
		s.read("every key", s.sample("", variant, 0).(map[string]any))
	}
	for _, dir := range []string{"testdata/bad", "testdata/good", "testdata/lint/bad", "testdata/lint/good"} {
		for _, file := range configurations(t, dir) {
			f := &findings{}
			if values := readSource(f, file, file, read(t, file)); len(f.problems) == 0 {
				s.read(file, values)
			}
		}
	}
	return s
}

// read notes what the reader asks of a file.
func (s *steps) read(file string, values map[string]any) {
	places := map[string]string{}
	s.place(places, "", "", values)
	f := &findings{lines: func() Lines { return Lines{} }}
	var blocks []*block
	f.opened = func(b *block) { blocks = append(blocks, b) }
	text, err := json.Marshal(values)
	if err != nil {
		return // not a number
	}
	_, _ = f.parse(filepath.Base(file)+".json", text, nil)
	for _, b := range blocks {
		def, described := places[b.path]
		if len(b.known) == 0 {
			continue // nothing was asked, or somebody else reads it
		}
		node := s.node(def)
		if _, names := node["additionalProperties"].(map[string]any); described && names {
			continue // a block of anybody's keys
		}
		if !described || node["properties"] == nil {
			s.lost[b.path] = b.known
			continue
		}
		if s.asked[def] == nil {
			s.asked[def] = map[string]bool{}
		}
		for _, key := range b.known {
			s.asked[def][strings.ToLower(key)] = true
		}
	}
}

// place writes down which part of the schema describes each object of a file.
func (s *steps) place(places map[string]string, path, def string, v any) {
	node, def := s.resolve(def)
	if list, is := v.([]any); is {
		for i, e := range list {
			s.place(places, item(path, i), def+"/items", e)
		}
		if len(list) == 0 {
			places[path] = def
		}
		return
	}
	object, is := v.(map[string]any)
	if !is {
		return
	}
	if node["type"] == "array" { // one stands for a list
		s.place(places, item(path, 0), def+"/items", v)
		return
	}
	places[path] = def
	for key, e := range object {
		name := key
		if strings.HasPrefix(def, "extra_config_") {
			name, _ = canonical(key)
		}
		if step := s.lookup(node, name); step != "" {
			s.place(places, under(path, key), def+step, e)
		}
	}
}

// lookup gives the way from an object to what describes one of its keys; "" when
// it has no such key.
func (s *steps) lookup(node map[string]any, key string) string {
	properties, _ := node["properties"].(map[string]any)
	for k := range properties {
		if strings.EqualFold(k, key) {
			return "/properties/" + strings.ReplaceAll(k, "/", "~1")
		}
	}
	if more, is := node["additionalProperties"].(map[string]any); is && more != nil {
		return "/additionalProperties"
	}
	return ""
}

// resolve follows references. A part is known by its name, what is inside of one by
// the way to it.
func (s *steps) resolve(def string) (map[string]any, string) {
	node := s.node(def)
	for node["$ref"] != nil {
		def = strings.TrimPrefix(node["$ref"].(string), "#/$defs/")
		node = s.node(def)
	}
	return node, def
}

func (s *steps) node(def string) map[string]any {
	name, way, _ := strings.Cut(def, "/")
	if name == "" {
		return (&fileSchema{document: s.document}).at("#/" + way)
	}
	return (&fileSchema{document: s.document}).at("#/$defs/" + def)
}

func (s *steps) properties(def string) map[string]any {
	properties, _ := s.node(def)["properties"].(map[string]any)
	return properties
}

func (s *steps) wantNamespace(at level, namespace string) {
	if s.properties(within[at])[namespace] == nil {
		s.t.Errorf("%s is served in %s, and not in %s of the schema (gateway/config/schema/parts/levels.yaml)", namespace, at, within[at])
	}
}

// deepest bounds a sample, since modifiers hold modifiers.
const deepest = 16

// sample makes a value with every key; where one of several is wanted, with one. Its
// variants differ in what is chosen.
func (s *steps) sample(def string, variant, depth int) any {
	node, def := s.resolve(def)
	if list, ok := node["enum"].([]any); ok {
		return list[variant%len(list)]
	}
	if is, ok := node["const"]; ok {
		return is
	}
	switch kind := node["type"]; kind {
	case "object":
		object := map[string]any{}
		keys := slices.Sorted(maps.Keys(s.properties(def)))
		if title, _ := node["title"].(string); strings.HasPrefix(title, "an object with one") {
			i := variant % len(keys)
			keys = keys[i : i+1]
		}
		for _, key := range keys {
			if depth < deepest && !strings.HasPrefix(key, "github") {
				object[key] = s.sample(def+"/properties/"+strings.ReplaceAll(key, "/", "~1"), variant, depth+1)
			}
		}
		return object
	case "array":
		return []any{s.sample(def+"/items", variant, depth+1)}
	case "integer", "number":
		return 1
	case "boolean":
		return variant%2 == 0
	}
	if pattern, _ := node["pattern"].(string); strings.Contains(pattern, "ms") {
		return "1s"
	}
	return "/x"
}
