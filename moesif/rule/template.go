package rule

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/moesif/scan"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// unknown stands for a value that is missing and has no default.
const unknown = "UNKNOWN"

// template is text with merge tags in it, {{name}} or {{name|default}}, already
// encoded as what it becomes a part of. What is filled in is encoded too, so that
// no value can leave its place.
type template struct {
	parts  []part
	encode encoder
}

// part is text, and the value behind it.
type part struct {
	text     string
	tagged   bool   // there is one
	name     string // of the variable
	fallback string // where the value is missing, encoded
}

// encoder appends a value as a part of something else.
type encoder func(dst []byte, value string) []byte

// variables are those that a rule declares.
type variables []wire.Variable

func (v variables) has(name string) bool {
	return slices.ContainsFunc(v, func(v wire.Variable) bool { return v.Name == name })
}

// writer builds a template.
type writer struct {
	declared variables
	text     []byte // encoded, behind the last part
	template
}

// add appends text with its tags. A rule without variables has no tags; one
// whose name is not declared is as one whose value is missing (Moesif wire, 4.6,
// node).
func (w *writer) add(text string) {
	for len(w.declared) > 0 {
		before, name, fallback, after, found := cutTag(text)
		if !found {
			break
		}
		w.text = w.encode(w.text, before)
		if w.declared.has(name) {
			w.parts = append(w.parts, part{string(w.text), true, name, string(w.encode(nil, fallback))})
			w.text = w.text[:0]
		} else {
			w.text = w.encode(w.text, fallback)
		}
		text = after
	}
	w.text = w.encode(w.text, text)
}

func (w *writer) done() template {
	if len(w.text) > 0 {
		w.parts = append(w.parts, part{text: string(w.text)})
	}
	return w.template
}

// cutTag splits text around its first tag. Space around the name and the default
// does not count; braces cannot be in either.
func cutTag(text string) (before, name, fallback, after string, found bool) {
	for from := 0; ; {
		open := strings.Index(text[from:], "{{")
		if open < 0 {
			return text, "", "", "", false
		}
		open += from
		inner := open + len("{{")
		end := strings.IndexAny(text[inner:], "{}")
		if end < 0 {
			return text, "", "", "", false
		}
		if end += inner; end > inner && strings.HasPrefix(text[end:], "}}") {
			name, fallback, hasDefault := strings.Cut(text[inner:end], "|")
			fallback = strings.TrimSpace(fallback)
			if !hasDefault {
				fallback = unknown
			}
			return text[:open], strings.TrimSpace(name), fallback, text[end+len("}}"):], true
		}
		from = open + 1
	}
}

// fill appends the text with values, as a Config keeps them, in it. An empty value is a missing one.
func (t *template) fill(dst []byte, values string) []byte {
	for i := range t.parts {
		p := &t.parts[i]
		dst = append(dst, p.text...)
		if v := valueOf(values, p.name); v != "" && p.tagged {
			dst = t.encode(dst, v)
		} else {
			dst = append(dst, p.fallback...)
		}
	}
	return dst
}

// fixed returns the text when there is nothing to fill in.
func (t *template) fixed() (text string, ok bool) {
	switch {
	case len(t.parts) == 0:
		return "", true
	case len(t.parts) == 1 && !t.parts[0].tagged:
		return t.parts[0].text, true
	}
	return "", false
}

// headerTemplate reads the value of a header.
func headerTemplate(text string, declared variables) template {
	w := writer{declared: declared, template: template{encode: appendField}}
	w.add(text)
	return w.done()
}

// appendField appends what of value may stand in a header: no control characters
// but the tab (RFC 9110, 5.5).
func appendField(dst []byte, value string) []byte {
	for i := range len(value) {
		if c := value[i]; c >= ' ' && c != 0x7f || c == '\t' {
			dst = append(dst, c)
		}
	}
	return dst
}

// bodyTemplate reads a body: any JSON value. Tags are looked for in strings, not
// in keys. A null is no body.
func bodyTemplate(body []byte, declared variables) (template, error) {
	w := writer{declared: declared, template: template{encode: appendInside}}
	r := scan.New(body)
	var text []byte
	done := 0 // body[:done] is written
	for {
		t, err := r.Next()
		if errors.Is(err, io.EOF) {
			w.text = append(w.text, body[done:]...)
			return w.done(), nil
		}
		if err != nil {
			return template{}, err
		}
		if t.Kind == scan.Null && r.Depth() == 0 {
			return template{}, nil
		}
		if t.Kind != scan.String {
			continue
		}
		w.text = append(w.text, body[done:t.Start+1]...) // with the quote
		text = scan.AppendText(text[:0], r.Bytes(t))
		w.add(string(text))
		done = t.End - 1
	}
}

// appendInside appends value as a part of a JSON string.
func appendInside(dst []byte, value string) []byte {
	start := len(dst)
	dst = wire.AppendString(dst, value)
	copy(dst[start:], dst[start+1:len(dst)-1])
	return dst[:len(dst)-2]
}
