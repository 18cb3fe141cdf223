package mask

import (
	"bytes"
	"errors"

	"github.com/gatemeter/gatemeter/moesif/scan"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// bodyDepth bounds the nesting of a JSON body, so that the event around it, and
// the batch around that, stay within what a decoder of the wire accepts.
const bodyDepth = scan.MaxDepth - 12

// walk masks JSON. It is scratch space: one walk may serve many bodies, one
// after the other.
type walk struct {
	path   path
	bases  []int       // of each open object and array: the length of the path outside it
	hits   int         // masked values, in this run
	traits scan.Traits // of what this run has read
	text   []byte      // what a string or a form's value stands for
	inner  *walk       // for JSON inside a string
	level  int         // how many strings this walk is inside of
}

// mostEmbedded bounds how many strings deep JSON inside of strings is followed.
const mostEmbedded = 4

// noPath is the base of an object in which no dotted name can match.
const noPath = -1

// json appends data to dst, with the values of masked fields replaced. data is
// one JSON document, a sequence of them, or the beginning of either. Unless
// scalars are said to be fine by kind, each document must be an object or array:
// anything else is plain text.
func (w *walk) json(dst []byte, n *names, data []byte, k kind) ([]byte, shape) {
	start := len(dst)
	s := scan.NewDepth(data, bodyDepth)
	w.hits = 0
	done := 0 // data[:done] is written
	documents := 0
	for s.More() {
		documents++
		var err error
		dst, done, err = w.document(dst, n, &s, data, done, k)
		switch {
		case errors.Is(err, scan.ErrCut):
			return append(dst, data[done:]...), beginning
		case err != nil:
			return dst[:start], unreadable
		}
	}
	dst = append(dst, data[done:]...)
	w.traits = s.Traits()
	switch documents {
	case 0:
		return dst[:start], unreadable
	case 1:
		return dst, oneDocument
	}
	return dst, otherText
}

var errNoFields = errors.New("a value without fields")

// document masks the document that s stands before. It returns dst, and how far
// data is written; behind a cut that is where what may be sent ends, and the
// rest of data has been seen to hold no masked value.
func (w *walk) document(dst []byte, n *names, s *scan.Scanner, data []byte, done int, k kind) ([]byte, int, error) {
	w.path, w.bases = w.path[:0], w.bases[:0]
	want, base, below := scan.Keys|scan.EscapedStrings, noPath, noPath
	if len(n.dotted) > 0 {
		want, base, below = want|scan.Brackets, 0, 0
	}
	for {
		t, err := s.Seek(want)
		if err != nil {
			switch t.Kind {
			case scan.Key: // half a name says nothing
				return append(dst, data[done:t.Start]...), len(data), err
			case scan.String:
				dst, done = w.embedded(dst, n, data, done, t)
			}
			return dst, done, err
		}
		switch t.Kind {
		case scan.BeginObject, scan.BeginArray:
			w.bases = append(w.bases, base)
			base = below
		case scan.EndObject, scan.EndArray:
			below = base
			if last := len(w.bases) - 1; last >= 0 {
				base, w.bases = w.bases[last], w.bases[:last]
			}
		case scan.Key:
			var masked bool
			if masked, below = w.key(n, base, s.Bytes(t)); !masked {
				continue
			}
			w.hits++
			t, err = s.Skip()
			dst = append(dst, data[done:t.Start]...)
			if t.Start < t.End {
				dst = append(dst, `"`+Masked+`"`...)
			}
			done = t.End
			if err != nil {
				return dst, len(data), err
			}
		case scan.String:
			dst, done = w.embedded(dst, n, data, done, t)
		}
		if s.Depth() == 0 {
			if t.Kind != scan.EndObject && t.Kind != scan.EndArray && k != kindJSON {
				return dst, done, errNoFields
			}
			return dst, done, nil
		}
	}
}

// embedded masks the string t when it holds JSON itself, as messages inside of
// messages do. A string that only looks like it stays as it is.
func (w *walk) embedded(dst []byte, n *names, data []byte, done int, t scan.Token) ([]byte, int) {
	raw := data[t.Start:t.End]
	start := bytes.TrimLeft(raw[1:], " ")
	if w.level == mostEmbedded || len(start) == 0 || start[0] != '{' && start[0] != '[' && start[0] != '\\' {
		return dst, done
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return dst, done // a name in quotes takes escapes
	}
	w.text = scan.AppendText(w.text[:0], raw)
	if !looksLikeJSON(w.text) {
		return dst, done
	}
	if w.inner == nil {
		w.inner = &walk{level: w.level + 1}
	}
	masked, end := w.inner.json(nil, n, w.text, kindOther)
	if end == unreadable || w.inner.hits == 0 {
		return dst, done
	}
	w.hits++
	dst = append(dst, data[done:t.Start]...)
	return wire.AppendString(dst, string(masked)), t.End
}

// key reports whether the field that the literal raw names, in an object whose
// path has the length base, is to be masked; and the base of what is in it.
func (w *walk) key(n *names, base int, raw []byte) (masked bool, below int) {
	name := raw[1 : len(raw)-1]
	if base == noPath && !n.mayBegin(name) {
		return false, noPath
	}
	var room [64]byte
	if bytes.IndexByte(name, '\\') >= 0 {
		name = scan.AppendText(room[:0], raw)
	}
	if base == noPath {
		return n.masksName(name) || !isComparable(name), noPath
	}
	w.path = enter(w.path, base, name)
	if below = noPath; n.leads(w.path) {
		below = len(w.path)
	}
	return n.masks(w.path, base) || !isComparable(name), below
}

// found is what became of a value that looks like JSON.
type found uint8

const (
	unmasked     found = iota // nothing in it is to be masked
	maskedInside              // some of its fields
	maskedWhole               // it cannot be read
)

// inside masks JSON that is the value of a field elsewhere. cut says that it may
// end too early.
func (w *walk) inside(n *names, value []byte, cut bool) ([]byte, found) {
	if w.inner == nil {
		w.inner = &walk{level: w.level + 1}
	}
	masked, shape := w.inner.json(nil, n, value, kindOther)
	switch {
	case shape == unreadable || shape == beginning && !cut:
		return []byte(Masked), maskedWhole
	case w.inner.hits == 0 && shape != beginning:
		return value, unmasked
	}
	return masked, maskedInside
}
