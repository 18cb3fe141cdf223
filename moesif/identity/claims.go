package identity

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

// A claim is found by a path. A dot walks into nested objects, but the longest
// literal key that contains the dot is looked up first, at every level. Of
// duplicate keys the last counts, as in encoding/json.

// lookup finds the claim at path in decoded claims.
func lookup(claims map[string]any, path string) (value any, found bool) {
	if value, found = claims[path]; found {
		return value, true
	}
	for end := strings.LastIndexByte(path, '.'); end > 0; end = strings.LastIndexByte(path[:end], '.') {
		inner, ok := claims[path[:end]].(map[string]any)
		if !ok {
			continue
		}
		if value, found = lookup(inner, path[end+1:]); found {
			return value, true
		}
	}
	return nil, false
}

// find is lookup in claims as they are written; ok is false when they are no JSON
// object, or one that is nested deeper than scan reads.
func find(claims []byte, path string) (value []byte, found, ok bool) {
	if value, found, ok = member(claims, path); found || !ok {
		return value, found, ok
	}
	for end := strings.LastIndexByte(path, '.'); end > 0; end = strings.LastIndexByte(path[:end], '.') {
		inner, there, _ := member(claims, path[:end])
		if !there || inner[0] != '{' {
			continue
		}
		if value, found, _ = find(inner, path[end+1:]); found {
			return value, true, true
		}
	}
	return nil, false, true
}

// isObject reports whether text is a JSON object.
func isObject(text []byte) bool {
	_, _, ok := member(text, "")
	return ok
}

// member returns the value of the last member called name, as it is written; ok
// is false when text is no JSON object.
func member(text []byte, name string) (value []byte, found, ok bool) {
	s := scan.New(text)
	t, err := s.Next()
	if err != nil || t.Kind != scan.BeginObject {
		return nil, false, false
	}
	for {
		if t, err = s.Next(); err != nil {
			return nil, false, false
		}
		if t.Kind == scan.EndObject {
			break
		}
		is := isName(s.Bytes(t), name)
		if t, err = s.Skip(); err != nil {
			return nil, false, false
		}
		if is {
			value, found = s.Bytes(t), true
		}
	}
	_, err = s.Next()
	if !errors.Is(err, io.EOF) {
		return nil, false, false
	}
	return value, found, true
}

// isName reports whether the key literal raw spells name.
func isName(raw []byte, name string) bool {
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw[1:len(raw)-1]) == name
	}
	spelled, _ := asString(raw)
	return spelled == name
}

// asString returns the text of a string literal, what is no UTF-8 replaced as
// encoding/json does; false when raw is another kind of value.
func asString(raw []byte) (text string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		text = string(raw[1 : len(raw)-1])
	} else {
		text = string(scan.AppendText(nil, raw))
	}
	if !utf8.ValidString(text) {
		text = string([]rune(text))
	}
	return text, true
}
