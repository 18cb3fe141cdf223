package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"
)

// readSource turns the bytes of a file into a tree of map[string]any, []any,
// string, bool, nil and numbers (json.Number, int64, float64). The extension of
// format picks the format: .yml and .yaml, .toml, anything else is JSON
// (KrakenD v3, 1.1).
func readSource(f *findings, file, format string, data []byte) map[string]any {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	var tree any
	switch strings.ToLower(filepath.Ext(format)) {
	case ".yml", ".yaml":
		tree = readYAML(f, file, data)
	case ".toml":
		tree = readTOML(f, file, data)
	default:
		tree = readJSON(f, file, data)
	}
	if len(f.problems) > 0 {
		return nil
	}
	root, ok := tree.(map[string]any)
	if !ok {
		found := show(tree)
		if tree == nil {
			found = "nothing"
		}
		f.problem(file, "must hold one object with the keys of a configuration (got %s)", found)
	}
	return root
}

// readJSON reads JSON as encoding/json does, and warns of keys that stand twice
// in one object, where the last one counts.
func readJSON(f *findings, file string, data []byte) any {
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		offset := len(data)
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) && !strings.HasPrefix(err.Error(), "unexpected end") {
			offset = int(syntax.Offset) - 1
		}
		line, column := place(data, offset)
		f.problem(fmt.Sprintf("%s:%d:%d", file, line, column), "%s", explainJSON(data, offset, err))
		return nil
	}
	clear(f.order)
	r := jsonReader{findings: f, data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	r.dec.UseNumber()
	v, err := r.value("")
	if err != nil { // the document was valid a moment ago
		f.problem(file, "cannot be read as JSON: %v", err)
		return nil
	}
	return v
}

type jsonReader struct {
	*findings
	data []byte
	dec  *json.Decoder
}

func (r *jsonReader) value(path string) (any, error) {
	if r.order != nil {
		r.order[path] = len(r.order)
	}
	token, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return r.object(path)
	case json.Delim('['):
		return r.list(path)
	}
	return token, nil
}

func (r *jsonReader) object(path string) (any, error) {
	object := map[string]any{}
	for r.dec.More() {
		token, err := r.dec.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string)
		where := under(path, key)
		if _, twice := object[key]; twice {
			line, _ := place(r.data, int(r.dec.InputOffset()))
			r.warn(where, "stands twice; the last one counts (line %d)", line)
		}
		if object[key], err = r.value(where); err != nil {
			return nil, err
		}
	}
	_, err := r.dec.Token()
	return object, err
}

func (r *jsonReader) list(path string) (any, error) {
	list := []any{}
	for r.dec.More() {
		v, err := r.value(item(path, len(list)))
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := r.dec.Token()
	return list, err
}

// explainJSON adds to a syntax error what people usually did to get it.
func explainJSON(data []byte, offset int, err error) string {
	before := bytes.TrimRight(data[:max(0, min(offset, len(data)))], " \t\r\n")
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return "the file is empty"
	case offset >= len(data):
		return "the file ends too early (a brace, a bracket or a quote is not closed)"
	case bytes.HasSuffix(before, []byte("{")) && data[offset] == '{', bytes.HasPrefix(data[offset:], []byte("{{")):
		return err.Error() + " (this looks like a template: FC_ENABLE=1 renders it)"
	case bytes.HasSuffix(before, []byte(",")) && (data[offset] == '}' || data[offset] == ']'):
		return err.Error() + " (remove the comma before it)"
	case data[offset] == '/' || data[offset] == '#':
		return err.Error() + " (JSON has no comments: use a key that starts with @, $, _ or #)"
	}
	return err.Error()
}

// place counts lines and characters from 1.
func place(data []byte, offset int) (line, column int) {
	before := data[:max(0, min(offset, len(data)))]
	line = 1 + bytes.Count(before, []byte("\n"))
	column = 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
	return line, column
}

// readYAML reads YAML. A key that stands twice is an error, as it is for KrakenD.
func readYAML(f *findings, file string, data []byte) any {
	var tree any
	err := yaml.Unmarshal(data, &tree)
	if err == nil {
		return settle(tree)
	}
	var several *yaml.TypeError
	if errors.As(err, &several) {
		for _, m := range several.Errors {
			line, message, _ := strings.Cut(strings.TrimPrefix(m, "line "), ": ")
			f.problem(file+":"+line, "%s", message)
		}
		return nil
	}
	line, column := placeYAML(data)
	message := yamlLine.ReplaceAllString(err.Error(), "")
	f.problem(fmt.Sprintf("%s:%d:%d", file, line, column), "%s", message)
	return nil
}

var yamlLine = regexp.MustCompile(`^yaml: (line \d+: )?`)

// placeYAML finds the first line with which a document stops being YAML, and its
// first character. The parser itself names the line where the surrounding block
// starts, or the one before.
func placeYAML(data []byte) (line, column int) {
	lines := bytes.SplitAfter(data, []byte("\n"))
	right := func(n int) bool {
		var document yaml.Node
		return yaml.Unmarshal(bytes.Join(lines[:n], nil), &document) == nil
	}
	// A list or a text over several lines is no YAML before its end: look on a
	// little, and not for ever.
	const reach, tries = 20, 20
	first, more := 0, true
	for try := 0; more && try < tries; try++ {
		start := first
		first = start + 1 + sort.Search(len(lines)-start-1, func(i int) bool { return !right(start + 1 + i) })
		more = false
		for n := min(first+reach, len(lines)-1); n > first && !more; n-- {
			if right(n) {
				first, more = n, true
			}
		}
	}
	first = min(first, len(lines))
	text := lines[first-1]
	return first, 1 + len(text) - len(bytes.TrimLeft(text, " "))
}

func readTOML(f *findings, file string, data []byte) any {
	tree := map[string]any{}
	err := toml.Unmarshal(data, &tree)
	if err == nil {
		return settle(tree)
	}
	var syntax *toml.DecodeError
	if errors.As(err, &syntax) {
		line, column := syntax.Position()
		file += ":" + strconv.Itoa(line) + ":" + strconv.Itoa(column)
	}
	f.problem(file, "%s", strings.TrimPrefix(err.Error(), "toml: "))
	return nil
}

// settle brings the types of the YAML and TOML parsers down to those that
// readSource promises. Keys become strings (404: in YAML is a number), dates
// become text.
func settle(v any) any {
	switch v := v.(type) {
	case nil, bool, string, int64, float64:
		return v
	case int:
		return int64(v)
	case uint64:
		return json.Number(strconv.FormatUint(v, 10))
	case map[string]any:
		for k, e := range v {
			v[k] = settle(e)
		}
		return v
	case map[any]any:
		object := make(map[string]any, len(v))
		for k, e := range v {
			object[fmt.Sprint(k)] = settle(e)
		}
		return object
	case []any:
		for i, e := range v {
			v[i] = settle(e)
		}
		return v
	default:
		return fmt.Sprint(v)
	}
}
