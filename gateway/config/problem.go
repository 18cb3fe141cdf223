package config

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Problem is one reason why a file can't be served.
type Problem struct {
	// Path is the key as it is written in the file (endpoints[3].timeout), the
	// environment variable that replaced it (KRAKEND_TIMEOUT), or the place of a
	// syntax error (krakend.json:12:5).
	Path string
	// Message says what is wrong, what was expected, and what was found.
	Message string
	// Where is the line of the key, as in "line 12"; "" where the file has none.
	Where string
}

func (p Problem) String() string { return p.Path + ": " + p.Message }

// Located is String with the key's line behind it.
func (p Problem) Located() string {
	if p.Where == "" {
		return p.String()
	}
	return p.String() + " (" + p.Where + ")"
}

// Problems is everything wrong with a file, found in one pass. It is the error
// of Load and Parse, and never empty there.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// findings collects what one pass over a file turns up.
type findings struct {
	problems Problems
	warnings []string
	lines    func() Lines // of the file, once it is read

	tree   map[string]any // of the file, once its version is known to be 3
	order  map[string]int // path → how many values of a JSON file begin before it; nil: not wanted
	opened func(*block)   // told of every block that is read; nil: nobody is
}

// located gives the problems with the lines of their keys.
func (f *findings) located() Problems {
	lines := f.lines()
	for i := range f.problems {
		f.problems[i].Where = lines.where(f.problems[i].Path)
	}
	return f.problems
}

func (f *findings) problem(path, format string, args ...any) {
	f.problems = append(f.problems, Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

func (f *findings) warn(path, format string, args ...any) {
	f.warnings = append(f.warnings, path+": "+fmt.Sprintf(format, args...))
}

// longestShown is how many runes of a value an error repeats.
const longestShown = 60

// show writes a value of the file for a reader, on one line and not too long.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		if runes := []rune(v); len(runes) > longestShown {
			return strconv.Quote(string(runes[:longestShown])) + "…"
		}
		return strconv.Quote(v)
	case json.Number:
		return string(v)
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	default:
		return fmt.Sprint(v)
	}
}

// under names the key of an object that stands at path.
func under(path, key string) string {
	odd := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '"' }
	if key == "" || strings.ContainsFunc(key, odd) {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// item names the element of a list that stands at path.
func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
