package rule

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

// document is the request's body, read when the first condition asks for it.
type document struct {
	read    bool
	graphql bool // the whole body is the query
	data    []byte
	values  []value // by the slot of a field: what was looked for already
}

type value struct {
	text          string
	known, exists bool
}

// value returns the text of the body's field f, one of slots many.
func (d *document) value(r *Subject, f *field, slots int) (text string, ok bool) {
	if !d.read {
		d.read = true
		if data, ok := r.Body.Read(); ok && len(data) <= MaxBody {
			d.data = data
			d.graphql = isGraphQL(r)
			d.values = make([]value, slots)
		}
	}
	if d.data == nil {
		return "", false
	}
	v := &d.values[f.slot]
	if !v.known {
		v.known = true
		switch {
		case !d.graphql:
			v.text, v.exists = find(d.data, f.name)
		case f.name == "query":
			v.text, v.exists = string(d.data), true
		}
	}
	return v.text, v.exists
}

// isGraphQL reports whether the body is a query and nothing else.
func isGraphQL(r *Subject) bool {
	contentType, _ := header(r.Headers, "content-type")
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "application/graphql")
}

// find returns the text of the field that path names in a JSON object: each dot
// walks into an object, and where that leads nowhere it is part of a key. Numbers
// and booleans are their JSON; null, objects and arrays have no text. Of a key
// that is there twice the last counts.
func find(data []byte, path string) (text string, ok bool) {
	s := scan.New(data)
	t, err := s.Next()
	if err != nil || t.Kind != scan.BeginObject {
		return "", false
	}
	members, err := prefixes(&s, path)
	if err != nil {
		return "", false
	}
	if _, err = s.Next(); !errors.Is(err, io.EOF) {
		return "", false
	}
	slices.SortFunc(members, func(a, b found) int { return a.end - b.end })
	for _, m := range members {
		if m.end < len(path) {
			text, ok = find(m.raw, path[m.end+1:])
		} else {
			text, ok = scalar(m.kind, m.raw)
		}
		if ok {
			return text, true
		}
	}
	return "", false
}

// found is a member of an object whose key is the first end bytes of a path.
type found struct {
	end  int
	kind scan.Kind
	raw  []byte
}

// prefixes reads the object that s is in and returns the members whose key is
// the path or all of it before one of its dots.
func prefixes(s *scan.Scanner, path string) ([]found, error) {
	var members []found
	var key []byte
	for {
		t, err := s.Next()
		if err != nil || t.Kind == scan.EndObject {
			return members, err
		}
		key = scan.AppendText(key[:0], s.Bytes(t))
		if t, err = s.Skip(); err != nil {
			return nil, err
		}
		n := len(key)
		if n > len(path) || path[:n] != string(key) || n < len(path) && path[n] != '.' {
			continue
		}
		m := found{end: n, kind: t.Kind, raw: s.Bytes(t)}
		i := slices.IndexFunc(members, func(m found) bool { return m.end == n })
		if i < 0 {
			members = append(members, m)
		} else {
			members[i] = m
		}
	}
}

func scalar(kind scan.Kind, raw []byte) (text string, ok bool) {
	switch kind {
	case scan.String:
		return string(scan.AppendText(nil, raw)), true
	case scan.Number, scan.True, scan.False:
		return string(raw), true
	}
	return "", false
}
