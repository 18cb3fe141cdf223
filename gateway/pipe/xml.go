package pipe

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// rootTag is the root element of data that has not exactly one element.
const rootTag = "doc"

// appendXML writes data so that what was read from XML becomes the same XML again:
// keys that begin with "-" are attributes, "#text" is text, lists repeat their element.
// It is no job for mxj, which reads it: mxj writes names and control characters as they
// come.
func appendXML(b *bytes.Buffer, data map[string]any) {
	if len(data) == 1 {
		for name, value := range data {
			if _, several := value.([]any); !several && isElement(name) {
				appendElement(b, name, value)
				return
			}
		}
	}
	appendElement(b, rootTag, data)
}

func isElement(key string) bool { return !strings.HasPrefix(key, "-") && key != "#text" }

// object is an object, or what says it is one.
func object(value any) (map[string]any, bool) {
	switch v := value.(type) {
	case map[string]any:
		return v, true
	case interface{ Object() map[string]any }:
		return v.Object(), true
	}
	return nil, false
}

func appendElement(b *bytes.Buffer, key string, value any) {
	if list, ok := value.([]any); ok {
		if len(list) == 0 {
			appendElement(b, key, nil)
		}
		for _, e := range list {
			if _, nested := e.([]any); nested {
				e = map[string]any{key: e}
			}
			appendElement(b, key, e)
		}
		return
	}
	name := xmlName(key)
	b.WriteByte('<')
	b.WriteString(name)
	inner, isObject := object(value)
	names := slices.Sorted(maps.Keys(inner))
	empty := value == nil || value == ""
	if isObject {
		empty = true
		for _, key := range names {
			if !strings.HasPrefix(key, "-") {
				empty = false
				continue
			}
			b.WriteByte(' ')
			b.WriteString(xmlName(key[1:]))
			b.WriteString(`="`)
			appendText(b, inner[key])
			b.WriteByte('"')
		}
	}
	if empty {
		b.WriteString("/>")
		return
	}
	b.WriteByte('>')
	if !isObject {
		appendText(b, value)
	}
	for _, key := range names {
		switch {
		case key == "#text":
			appendText(b, inner[key])
		case isElement(key):
			appendElement(b, key, inner[key])
		}
	}
	b.WriteString("</")
	b.WriteString(name)
	b.WriteByte('>')
}

func appendText(b *bytes.Buffer, value any) {
	if value != nil {
		_ = xml.EscapeText(b, []byte(fmt.Sprint(value))) // a buffer takes everything
	}
}

// xmlName makes a name of a key: what no name may hold becomes _.
func xmlName(key string) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' || r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		if r > unicode.MaxASCII && r != unicode.ReplacementChar && unicode.IsLetter(r) {
			return r
		}
		return '_'
	}, key)
	if name == "" || name[0] == '-' || name[0] == '.' || '0' <= name[0] && name[0] <= '9' {
		return "_" + name
	}
	return name
}
