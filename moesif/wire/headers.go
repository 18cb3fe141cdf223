package wire

import (
	"strings"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

// headersInto reads an object whose values are strings, numbers, booleans, null
// (no such header) or arrays of these; anything deeper is kept as its JSON. All
// lists of an event share one piece of memory.
func (r *reader) headersInto(dst *Headers, t scan.Token, name string) error {
	*dst = nil
	if t.Kind != scan.BeginObject {
		return r.nothing(t, name, "an object")
	}
	start := len(r.headers)
	for {
		k, t, err := r.Member()
		if err != nil {
			return err
		}
		switch t.Kind {
		case scan.EndObject:
			if end := len(r.headers); end > start {
				*dst = r.headers[start:end:end]
			}
			return nil
		case scan.BeginArray:
			name := r.stringOf(k)
			err = r.elements(t, "", func(t scan.Token) error { return r.header(name, t) })
		default:
			err = r.header(r.stringOf(k), t)
		}
		if err != nil {
			return err
		}
	}
}

// header adds one field.
func (r *reader) header(name string, t scan.Token) error {
	t, err := r.Rest(t)
	if err != nil || t.Kind == scan.Null {
		return err
	}
	if cap(r.headers) == 0 {
		r.headers = make(Headers, 0, usualHeaders)
	}
	r.headers = append(r.headers, Header{Name: name, Value: r.stringOf(t)})
	return nil
}

// usualHeaders is more than most requests and answers have together.
const usualHeaders = 24

// stringOf returns the text of a string or key, and the JSON of anything else.
func (r *reader) stringOf(t scan.Token) string {
	if t.Kind != scan.String && t.Kind != scan.Key {
		return r.keep(t, r.Bytes(t))
	}
	return r.keep(t, r.textOf(t))
}

// Repeat reports whether a name stands in hs more than once, in upper or lower case
// of ASCII. A name that is empty is taken for one that does.
func (hs Headers) Repeat() bool {
	var seen [4]uint64 // a bit for each kind of name, so that most need not be compared
	for i := range hs {
		name := hs[i].Name
		if name == "" {
			return true
		}
		kind := byte(len(name))*31 + (name[0]|0x20)*7 + (name[len(name)-1]|0x20)*13
		bit := uint64(1) << (kind % 64)
		if seen[kind/64]&bit == 0 {
			seen[kind/64] |= bit
			continue
		}
		for j := range i {
			if strings.EqualFold(hs[j].Name, name) {
				return true
			}
		}
	}
	return false
}
