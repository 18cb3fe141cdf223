package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

// reader reads a document member by member, tolerant as to types: SDKs send
// numbers for ids, "" for what is absent, arrays for empty objects.
type reader struct {
	scan.Scanner
	text  []byte            // scratch: the string read last
	key   []byte            // scratch: the key read last
	refs  []RuleRef         // scratch: what one customer was told to refer to last
	words map[string]string // texts that come again and again

	whole   string          // the document; strings are parts of it. "" is: each has memory of its own
	escaped strings.Builder // strings that do not stand in whole as they are
	headers Headers         // those of the event read last
	lent    *Response       // for the event read last, whose raw values are parts of the document; nil: all is its own
}

// read runs fill over the one value that data holds. Invalid UTF-8 in it
// becomes U+FFFD first.
func read(data []byte, what string, fill func(r *reader, t scan.Token) error) error {
	data = validUTF8(data)
	return (&reader{Scanner: scan.New(data)}).read(what, fill)
}

func validUTF8(data []byte) []byte {
	if utf8.Valid(data) {
		return data
	}
	return bytes.ToValidUTF8(data, []byte("\uFFFD"))
}

// read runs fill over the one value there is.
func (r *reader) read(what string, fill func(r *reader, t scan.Token) error) error {
	t, err := r.Next()
	if err == nil {
		err = fill(r, t)
	}
	if err == nil {
		_, err = r.Next()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	if isSyntax(err) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return err
}

// isSyntax reports whether a document cannot be read because it is not JSON.
func isSyntax(err error) bool {
	var broken *scan.SyntaxError
	return errors.As(err, &broken) || errors.Is(err, scan.ErrCut)
}

// members calls member with each key of the object that begins with t; member
// reads the value, whose first token it gets. The key is valid until the next
// object is read. A null, an empty string and an empty array are empty objects.
func (r *reader) members(t scan.Token, name string, member func(key []byte, t scan.Token) error) error {
	if t.Kind != scan.BeginObject {
		return r.nothing(t, name, "an object")
	}
	for {
		k, t, err := r.Member()
		if err != nil {
			return err
		}
		if t.Kind == scan.EndObject {
			return nil
		}
		raw := r.Bytes(k)
		key := raw[1 : len(raw)-1]
		if k.Escaped {
			r.key = scan.AppendText(r.key[:0], raw)
			key = r.key
		}
		if err = member(key, t); err != nil {
			return err
		}
	}
}

// elements calls element with the first token of each element of the array that
// begins with t. A null and an empty string are empty arrays.
func (r *reader) elements(t scan.Token, name string, element func(t scan.Token) error) error {
	if t.Kind != scan.BeginArray {
		return r.nothing(t, name, "an array")
	}
	for {
		t, err := r.Next()
		if err != nil {
			return err
		}
		if t.Kind == scan.EndArray {
			return nil
		}
		if err = element(t); err != nil {
			return err
		}
	}
}

// nothing accepts what stands for an absent object or array, and refuses
// everything else.
func (r *reader) nothing(t scan.Token, name, wanted string) error {
	kind := t.Kind
	t, err := r.Rest(t)
	if err != nil {
		return err
	}
	switch b := r.Bytes(t); {
	case kind == scan.Null, kind == scan.String && len(b) == len(`""`):
		return nil
	case kind == scan.BeginArray && len(bytes.Trim(b, "[] \t\r\n")) == 0:
		return nil
	}
	return fmt.Errorf("%s: must be %s (got %s)", name, wanted, kind)
}

// skip passes over the value that begins with t.
func (r *reader) skip(t scan.Token) error {
	_, err := r.Rest(t)
	return err
}

// textOf returns the text of the string or key t, valid until the next call.
func (r *reader) textOf(t scan.Token) []byte {
	raw := r.Bytes(t)
	if !t.Escaped {
		return raw[1 : len(raw)-1]
	}
	r.text = scan.AppendText(r.text[:0], raw)
	return r.text
}

// stringInto stores the text of a scalar: null is "", numbers and booleans are
// their literal.
func (r *reader) stringInto(dst *string, t scan.Token, name string) error {
	text, err := r.scalar(t, name)
	if err == nil {
		*dst = r.keep(t, text)
	}
	return err
}

// keep returns the text of the string, key or literal t.
func (r *reader) keep(t scan.Token, text []byte) string {
	switch {
	case len(text) == 0:
		return ""
	case r.whole == "":
		return string(text)
	case len(text) == t.End-t.Start:
		return r.whole[t.Start:t.End]
	case len(text) == t.End-t.Start-len(`""`): // every escape is longer than what it stands for
		return r.whole[t.Start+1 : t.End-1]
	}
	if r.escaped.Cap()-r.escaped.Len() < len(text) {
		r.escaped = strings.Builder{}
		r.escaped.Grow(max(len(text), escapedText))
	}
	start := r.escaped.Len()
	r.escaped.Write(text)
	return r.escaped.String()[start:]
}

// escapedText is for how many bytes of strings memory is made at once.
const escapedText = 512

// scalar returns the text of a scalar, valid until the next call.
func (r *reader) scalar(t scan.Token, name string) ([]byte, error) {
	switch t.Kind {
	case scan.String:
		return r.textOf(t), nil
	case scan.Null:
		return nil, nil
	case scan.Number, scan.True, scan.False:
		return r.Bytes(t), nil
	}
	return nil, fmt.Errorf("%s: must be a string (got %s)", name, t.Kind)
}

func (r *reader) timeInto(dst *time.Time, t scan.Token, name string) error {
	text, err := r.scalar(t, name)
	if err != nil || len(text) == 0 {
		return err
	}
	parsed, err := ParseTime(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	*dst = parsed
	return nil
}

// intInto stores a whole number between low and high; a fraction is rounded to
// the nearest, a string is read as the number it holds, null and "" leave dst as
// it is.
func (r *reader) intInto(dst *int64, t scan.Token, name string, low, high int64) error {
	text, err := r.scalar(t, name)
	if err != nil || len(text) == 0 {
		return err
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		f, bad := strconv.ParseFloat(string(text), 64)
		if bad != nil || math.Abs(f) >= 1<<62 || math.IsNaN(f) {
			return fmt.Errorf("%s: must be a whole number (got %s)", name, quoted(string(text)))
		}
		n = int64(math.Round(f))
	}
	if n < low || n > high {
		return fmt.Errorf("%s: must be between %d and %d (got %d)", name, low, high, n)
	}
	*dst = n
	return nil
}

func (r *reader) boolInto(dst *bool, t scan.Token, name string) error {
	text, err := r.scalar(t, name)
	if err != nil {
		return err
	}
	switch string(text) {
	case "true", "1":
		*dst = true
	case "false", "0", "":
		*dst = false
	default:
		return fmt.Errorf("%s: must be true or false (got %s)", name, quoted(string(text)))
	}
	return nil
}

// rawInto stores any value; null is nil.
func (r *reader) rawInto(dst *json.RawMessage, t scan.Token) error {
	t, err := r.Rest(t)
	if err != nil {
		return err
	}
	*dst = nil
	switch {
	case t.Kind == scan.Null:
	case r.lent != nil:
		*dst = r.Bytes(t)
	default:
		*dst = bytes.Clone(r.Bytes(t))
	}
	return nil
}

// objectInto stores an object; what stands for an absent one is nil.
func (r *reader) objectInto(dst *json.RawMessage, t scan.Token, name string) error {
	if t.Kind == scan.BeginObject {
		return r.rawInto(dst, t)
	}
	*dst = nil
	return r.nothing(t, name, "an object")
}

// quoted returns s for an error message: in quotes, and not too long.
func quoted(s string) string {
	const longest = 64
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return strconv.Quote(s)
}
