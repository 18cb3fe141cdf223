package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
	"go.yaml.in/yaml/v3"
)

// Lines tells where the keys of a file stand. The zero value knows nothing.
type Lines struct {
	of       map[string]int // plain path → line, from 1
	rendered bool           // in what a template was rendered to
}

// Of gives the line of the key at path, as it stands in a Problem or at the
// beginning of a warning; for an absent key that of the block it is missing from.
// It is 0 where neither is in the file, as for a variable of the environment.
func (l *Lines) Of(path string) int {
	for path = plain(path); path != ""; path = parent(path) {
		if line := l.of[path]; line > 0 {
			return line
		}
	}
	return 0
}

// Locate ends a warning of the file with the line of its key.
func (l *Lines) Locate(warning string) string {
	path, _, _ := strings.Cut(warning, ": ")
	if where := l.where(path); where != "" {
		return warning + " (" + where + ")"
	}
	return warning
}

func (l *Lines) where(path string) string {
	line := l.Of(path)
	switch {
	case line == 0:
		return ""
	case l.rendered:
		return fmt.Sprintf("line %d of the rendered file", line)
	}
	return fmt.Sprintf("line %d", line)
}

// plain leaves out the index of a list's first element: where a list is expected a
// single object may stand for it.
func plain(path string) string { return strings.ReplaceAll(path, "[0]", "") }

// parent is the path of the block that a key stands in. A key with dots in it has
// parents that are none, which no file has.
func parent(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }

// keyLines finds the keys of a file, which has been read without an error.
func keyLines(format string, data []byte) map[string]int {
	lines := map[string]int{}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	switch strings.ToLower(filepath.Ext(format)) {
	case ".yml", ".yaml":
		var root yaml.Node
		if yaml.Unmarshal(data, &root) == nil && len(root.Content) > 0 {
			linesOfYAML(lines, "", root.Content[0])
		}
	case ".toml":
		linesOfTOML(lines, data)
	default:
		s := jsonLines{lines: lines, data: data, dec: json.NewDecoder(bytes.NewReader(data)), line: 1}
		s.value("")
	}
	return lines
}

// jsonLines walks JSON that is known to be right.
type jsonLines struct {
	lines  map[string]int
	data   []byte
	dec    *json.Decoder
	line   int // at offset
	offset int
}

func (s *jsonLines) token() json.Token {
	t, err := s.dec.Token()
	if err != nil {
		return nil
	}
	end := int(s.dec.InputOffset())
	s.line += bytes.Count(s.data[s.offset:end], []byte("\n"))
	s.offset = end
	return t
}

func (s *jsonLines) value(path string) {
	open := s.token()
	s.note(path)
	switch open {
	case json.Delim('{'):
		for s.dec.More() {
			key, _ := s.token().(string)
			at := under(path, key)
			s.note(at)
			s.value(at)
		}
	case json.Delim('['):
		for i := 0; s.dec.More(); i++ {
			s.value(item(path, i))
		}
	default:
		return
	}
	s.token()
}

// note keeps the first line of a path: that of its key.
func (s *jsonLines) note(path string) {
	if path = plain(path); s.lines[path] == 0 {
		s.lines[path] = s.line
	}
}

func linesOfYAML(lines map[string]int, path string, n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			at := under(path, n.Content[i].Value)
			lines[plain(at)] = n.Content[i].Line
			linesOfYAML(lines, at, n.Content[i+1])
		}
	case yaml.SequenceNode:
		for i, element := range n.Content {
			at := item(path, i)
			if _, first := lines[plain(at)]; !first {
				lines[plain(at)] = element.Line
			}
			linesOfYAML(lines, at, element)
		}
	} // an alias points elsewhere: its keys have the line of their parent
}

// linesOfTOML finds the keys and tables, but not what is inside of inline ones.
func linesOfTOML(lines map[string]int, data []byte) {
	p := unstable.Parser{}
	p.Reset(data)
	count := map[string]int{} // array of tables → its length
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		at := ""
		if e.Kind == unstable.KeyValue {
			at = table
		}
		line := 0
		for keys := e.Key(); keys.Next(); {
			if n := count[at]; n > 0 && e.Kind != unstable.KeyValue {
				at = item(at, n-1)
			}
			at = under(at, string(keys.Node().Data))
			line, _ = place(data, int(keys.Node().Raw.Offset))
		}
		switch e.Kind {
		case unstable.ArrayTable:
			count[at]++
			at = item(at, count[at]-1)
			table = at
		case unstable.Table:
			table = at
		}
		if at = plain(at); lines[at] == 0 {
			lines[at] = line
		}
	}
}
