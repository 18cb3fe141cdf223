package mask

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/gatemeter/gatemeter/moesif/scan"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// bodyDepth bounds the nesting of a JSON body, so that the event around it, and
// the batch around that, stay within what a decoder of the wire accepts.
const bodyDepth = scan.MaxDepth - 12

// ending says how a run over JSON ended.
type ending uint8

const (
	notJSON   ending = iota // broken, nothing, or values that are no fields
	oneValue                // one whole document
	sequence                // several whole documents
	beginning               // cut
)

// walk masks JSON. It is scratch space: one walk may serve many bodies, one
// after the other.
type walk struct {
	path  path
	bases []int  // of each open object and array: the length of the path outside it
	hits  int    // masked values, in this run
	text  []byte // what a string or a form's value stands for
	inner *walk  // for JSON inside a string
	level int    // how many strings this walk is inside of
}

// mostEmbedded bounds how many strings deep JSON inside of strings is followed.
const mostEmbedded = 4

// json appends data to dst, with the values of masked fields replaced. data is
// one JSON document, a sequence of them, or the beginning of either. Unless
// scalars is said to be fine by kind, each document must be an object or array:
// anything else is plain text.
func (w *walk) json(dst []byte, n *names, data []byte, k kind) ([]byte, ending) {
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
			return dst[:start], notJSON
		}
	}
	dst = append(dst, data[done:]...)
	switch documents {
	case 0:
		return dst[:start], notJSON
	case 1:
		return dst, oneValue
	}
	return dst, sequence
}

var errNoFields = errors.New("a value without fields")

// document masks the document that s stands before. It returns dst, and how far
// data is written; behind a cut that is where what may be sent ends, and the
// rest of data has been seen to hold no masked value.
func (w *walk) document(dst []byte, n *names, s *scan.Scanner, data []byte, done int, k kind) ([]byte, int, error) {
	w.path, w.bases = w.path[:0], w.bases[:0]
	base := 0
	for {
		t, err := s.Next()
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
			if len(n.dotted) > 0 {
				base = len(w.path)
			}
		case scan.EndObject, scan.EndArray:
			w.path = w.path[:base]
			base = w.bases[len(w.bases)-1]
			w.bases = w.bases[:len(w.bases)-1]
		case scan.Key:
			w.path = w.key(base, s.Bytes(t))
			if !n.masks(w.path, base) {
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
	if end == notJSON || w.inner.hits == 0 {
		return dst, done
	}
	w.hits++
	dst = append(dst, data[done:t.Start]...)
	return wire.AppendString(dst, string(masked)), t.End
}

// key returns the path with the name that the literal raw spells behind base.
func (w *walk) key(base int, raw []byte) path {
	if bytes.IndexByte(raw, '\\') < 0 {
		return enter(w.path, base, raw[1:len(raw)-1])
	}
	var room [64]byte
	return enter(w.path, base, scan.AppendText(room[:0], raw))
}

// embeddable reports whether data can be part of an event as it is: one JSON
// document in UTF-8 that every decoder takes. Numbers that no float holds and
// halves of surrogate pairs are JSON too, but would spoil the batch for some.
func embeddable(data []byte) bool {
	if !utf8.Valid(data) {
		return false
	}
	escapes := bytes.Contains(data, []byte(`\u`))
	s := scan.NewDepth(data, bodyDepth)
	for {
		t, err := s.Next()
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		raw := s.Bytes(t)
		switch t.Kind {
		case scan.Number:
			if !isFinite(raw) {
				return false
			}
		case scan.String, scan.Key:
			if escapes && hasHalfSurrogate(raw) {
				return false
			}
		}
	}
}

func isFinite(number []byte) bool {
	const short, long = len("9e99"), 300
	if len(number) <= short || len(number) < long && !bytes.ContainsAny(number, "eE") {
		return true
	}
	_, err := strconv.ParseFloat(string(number), 64)
	return err == nil
}

func hasHalfSurrogate(raw []byte) bool {
	for i := bytes.IndexByte(raw, '\\'); i >= 0 && i < len(raw); {
		if raw[i] != '\\' {
			i++
			continue
		}
		if raw[i+1] != 'u' {
			i += 2
			continue
		}
		switch surrogate(raw, i) {
		case high:
			if surrogate(raw, i+6) != low {
				return true
			}
			i += 12
		case low:
			return true
		default:
			i += 6
		}
	}
	return false
}

type half uint8

const (
	neither half = iota
	high
	low
)

// surrogate says which half of a pair the escape at raw[i] is.
func surrogate(raw []byte, i int) half {
	if i+6 > len(raw) || raw[i] != '\\' || raw[i+1] != 'u' || raw[i+2]|0x20 != 'd' {
		return neither
	}
	switch c := raw[i+3] | 0x20; {
	case c == '8', c == '9', c == 'a', c == 'b':
		return high
	case c >= 'c' && c <= 'f':
		return low
	}
	return neither
}

// wholeOrCut is json for a body: only a body that was cut may end too early.
func (w *walk) wholeOrCut(dst []byte, n *names, data []byte, k kind, cut bool) ([]byte, bool) {
	dst, end := w.json(dst, n, data, k)
	return dst, end == oneValue || end == sequence || end == beginning && cut
}
