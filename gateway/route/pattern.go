// Package route finds the endpoint of a request: a tree of path segments per
// method, matched on the decoded path as KrakenD's router does (KrakenD v3, 1.3
// and 1.8).
package route

import (
	"fmt"
	"strings"
)

// Pattern is an endpoint's path, parsed. A segment is a literal, one {parameter},
// or, in a loose pattern, literals and parameters mixed.
type Pattern struct {
	Text     string   // with one leading slash
	Names    []string // of the parameters, in order; the last one is Rest in a wildcard
	segments []segment
	wildcard bool // ends in /*: the segments are those before it
}

// Rest is the name of the parameter that holds what a wildcard matches: all that
// follows the slash before it, with slashes in it, and perhaps nothing.
const Rest = "*"

// segment holds literals and parameters alternating: literal, parameter, literal, …
// so that len(literals) = len(names)+1.
type segment struct {
	literals []string
	names    []string
}

// Parse reads a path. A {name} counts as a parameter when it fills a whole segment,
// or, when loose (disable_rest), anywhere; otherwise it stays literal text. A last
// segment that is * makes it a wildcard: /foo/* matches /foo/, /foo/a and /foo/a/b.
func Parse(path string, loose bool) (Pattern, error) {
	p := Pattern{Text: "/" + strings.TrimLeft(path, "/")}
	before, wildcard := strings.CutSuffix(p.Text, "/"+Rest)
	p.wildcard = wildcard
	for text := range strings.SplitSeq(strings.TrimPrefix(before, "/"), "/") {
		if p.wildcard && before == "" {
			break // of /* nothing stands before it
		}
		s, err := parseSegment(text, loose)
		if err != nil {
			return Pattern{}, fmt.Errorf("path %q: %w", path, err)
		}
		p.segments = append(p.segments, s)
		p.Names = append(p.Names, s.names...)
	}
	for i, name := range p.Names {
		for _, other := range p.Names[:i] {
			if name == other {
				return Pattern{}, fmt.Errorf("path %q: parameter {%s} stands there twice", path, name)
			}
		}
	}
	if p.wildcard {
		p.Names = append(p.Names, Rest)
	}
	return p, nil
}

func parseSegment(text string, loose bool) (segment, error) {
	if !loose {
		if name, ok := wholeParameter(text); ok {
			return segment{literals: []string{"", ""}, names: []string{name}}, nil
		}
		return segment{literals: []string{text}}, nil
	}
	var s segment
	literal := 0 // where the literal under way begins
	for i := 0; i < len(text); {
		end := strings.IndexByte(text[i:], '}')
		if text[i] != '{' || end < 2 || !isName(text[i+1:i+end], "_-.:") {
			i++
			continue
		}
		if literal == i && len(s.names) > 0 {
			return segment{}, fmt.Errorf("nothing stands between {%s} and {%s}", s.names[len(s.names)-1], text[i+1:i+end])
		}
		s.literals = append(s.literals, text[literal:i])
		s.names = append(s.names, text[i+1:i+end])
		i += end + 1
		literal = i
	}
	s.literals = append(s.literals, text[literal:])
	return s, nil
}

func wholeParameter(text string) (string, bool) {
	if len(text) < 3 || text[0] != '{' || text[len(text)-1] != '}' || !isName(text[1:len(text)-1], "_-") {
		return "", false
	}
	return text[1 : len(text)-1], true
}

// isName reports whether s holds only ASCII letters, digits and the characters in also.
func isName(s, also string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte(also, c) < 0 {
			return false
		}
	}
	return true
}

// match appends the values of the segment's parameters, none of them empty, and
// reports whether text has the segment's shape. With fold, literals match in any case.
func (s *segment) match(text string, values []string, equal func(a, b string) bool) ([]string, bool) {
	first := s.literals[0]
	if len(text) < len(first) || !equal(text[:len(first)], first) {
		return values, false
	}
	text = text[len(first):]
	for i := range s.names {
		literal := s.literals[i+1]
		end := len(text) - len(literal)
		if i < len(s.names)-1 {
			end = find(text, literal, equal)
		}
		if end < 1 || !equal(text[end:end+len(literal)], literal) {
			return values, false
		}
		values = append(values, text[:end])
		text = text[end+len(literal):]
	}
	return values, text == ""
}

// find returns where literal stands in text after at least one byte, or -1.
func find(text, literal string, equal func(a, b string) bool) int {
	for i := 1; i+len(literal) <= len(text); i++ {
		if equal(text[i:i+len(literal)], literal) {
			return i
		}
	}
	return -1
}

// shape is the segment with its parameters' names left out: two segments of one
// shape match the same texts.
func (s *segment) shape() string { return strings.Join(s.literals, "\x00") }
