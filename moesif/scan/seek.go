package scan

import (
	"encoding/binary"
	"io"
	"math/bits"
	"strconv"
)

// Kinds is a set of kinds of tokens, for Seek.
type Kinds uint16

// What Seek can stop at.
const (
	// EscapedStrings are values, not keys, with a backslash in them.
	EscapedStrings Kinds = 1 << 0
	Keys           Kinds = 1 << Key
	Numbers        Kinds = 1 << Number
	Brackets       Kinds = 1<<BeginObject | 1<<EndObject | 1<<BeginArray | 1<<EndArray

	nothing    Kinds = 0
	everything Kinds = 1<<16 - 1 - EscapedStrings
)

// Traits are what a reader of a document may trip over.
type Traits uint8

// The traits.
const (
	// NotASCII: a byte of 0x80 or above stands in or near a string. Only then the
	// document may be no valid UTF-8.
	NotASCII Traits = 1 << iota
	// Surrogates: there is an escape from \uD800 to \uDFFF. Only then there may be
	// half of a pair.
	Surrogates
	// WideNumbers: a number has an exponent, or very many digits. Only then there
	// may be one that no float holds.
	WideNumbers
	// Separators: More has passed over a record separator.
	Separators
)

// wideNumber is how many bytes a number without an exponent must have to be wide:
// floats reach to about 1.8e308.
const wideNumber = 300

// Traits returns those of what was read so far.
func (s *Scanner) Traits() Traits {
	if s.bytes&highs != 0 {
		return s.traits | NotASCII
	}
	return s.traits
}

// Seek is Next, but passes over tokens that want does not hold; what it passes
// over is validated all the same. The last token of a document is always
// returned: Depth is 0 behind it.
func (s *Scanner) Seek(want Kinds) (Token, error) { return s.run(want, 0) }

const ones, highs = 0x0101010101010101, 0x8080808080808080

// specials marks, with its highest bit, the first of the eight bytes in x that
// does not stand for itself in a string: a quote, a backslash or a control
// character. Bytes above the first may be marked wrongly.
func specials(x uint64) uint64 {
	slash := x ^ ones*'\\'
	// Flipping 2 makes the quote, and nothing else, the neighbour of the controls.
	return ((x^ones*2-ones*0x21)&^x | (slash-ones)&^slash) & highs
}

// run is the grammar. It stops behind a token that want holds, and behind the end
// of the object or array whose parts are at depth floor+1. Everything it needs
// at each byte is local; the fields of s are written where it stops.
func (s *Scanner) run(want Kinds, floor int) (t Token, err error) {
	d, i, depth := s.data, s.pos, s.depth
	object := s.within
	var next state
	var problem string
	var c byte
	var j int
	var ok bool
	var seen uint64 // of strings and their neighbours, or-ed
	switch s.state {
	case atFirstValue:
		goto firstValue
	case atFirstKey:
		goto firstKey
	case afterKey:
		goto colon
	case afterValue:
		goto comma
	case atEnd:
		goto tail
	}

value:
	next = atValue
	if i = space(d, i); i == len(d) {
		goto cut
	}
	switch c = d[i]; c {
	case '"':
		t.Kind = String
		goto text
	case '{':
		t.Kind = BeginObject
		goto begin
	case '[':
		t.Kind = BeginArray
		goto begin
	case 't':
		if len(d)-i < 4 || binary.LittleEndian.Uint32(d[i:]) != 't'|'r'<<8|'u'<<16|'e'<<24 {
			t, err = s.literal(i, True, "true")
			goto stop
		}
		t = Token{Kind: True, Start: i, End: i + 4}
	case 'f':
		if len(d)-i < 5 || binary.LittleEndian.Uint32(d[i+1:]) != 'a'|'l'<<8|'s'<<16|'e'<<24 {
			t, err = s.literal(i, False, "false")
			goto stop
		}
		t = Token{Kind: False, Start: i, End: i + 5}
	case 'n':
		if len(d)-i < 4 || binary.LittleEndian.Uint32(d[i:]) != 'n'|'u'<<8|'l'<<16|'l'<<24 {
			t, err = s.literal(i, Null, "null")
			goto stop
		}
		t = Token{Kind: Null, Start: i, End: i + 4}
	default:
		if c != '-' && (c < '0' || c > '9') {
			problem = "expected a value"
			goto broken
		}
		if j, ok = s.number(i); !ok {
			t, err = s.digitMissing(i, j)
			goto stop
		}
		t = Token{Kind: Number, Start: i, End: j}
	}
	i = t.End
	next = afterValue
	if depth == 0 {
		next = atEnd
		goto stop
	}
	if want>>t.Kind&1 != 0 {
		goto stop
	}

comma:
	next = afterValue
	if i = space(d, i); i == len(d) {
		goto cut
	}
	switch d[i] {
	case ',':
		if i = space(d, i+1); i == len(d) {
			goto cut
		}
		if object {
			goto key
		}
		goto value
	case '}', ']':
		goto end
	}
	problem = "expected a comma or the end of the object or array"
	goto broken

firstKey:
	next = atFirstKey
	if i = space(d, i); i == len(d) {
		goto cut
	}
	if d[i] == '}' {
		goto end
	}

key:
	if d[i] != '"' {
		problem = "expected a key in double quotes"
		goto broken
	}
	t.Kind = Key

text:
	t.Start, t.Escaped = i, false
	for j = i + 1; j+8 <= len(d); j += 8 {
		x := binary.LittleEndian.Uint64(d[j:])
		seen |= x
		if found := specials(x); found != 0 {
			if j += bits.TrailingZeros64(found) / 8; d[j] == '"' {
				t.End = j + 1
				goto textDone
			}
			break
		}
	}
	if t.End, t.Escaped, err = s.text(j); err != nil {
		goto stop
	}
textDone:
	i = t.End
	if t.Kind == Key {
		next = afterKey
		if want&Keys != 0 {
			goto stop
		}
		s.key = t
		goto colon
	}
	next = afterValue
	if depth == 0 {
		next = atEnd
		goto stop
	}
	if want>>String&1 != 0 || t.Escaped && want&EscapedStrings != 0 {
		goto stop
	}
	goto comma

colon:
	next = afterKey
	if i = space(d, i); i == len(d) {
		goto cut
	}
	if d[i] != ':' {
		problem = "expected a colon after the key"
		goto broken
	}
	i++
	goto value

firstValue:
	next = atFirstValue
	if i = space(d, i); i == len(d) {
		goto cut
	}
	if d[i] == ']' {
		goto end
	}
	goto value

begin:
	if depth >= s.limit {
		problem = "nested more than " + strconv.Itoa(s.limit) + " levels deep"
		goto broken
	}
	object = t.Kind == BeginObject
	if object {
		s.object[depth/64] |= 1 << (depth % 64)
	} else {
		s.object[depth/64] &^= 1 << (depth % 64)
	}
	depth++
	t = Token{Kind: t.Kind, Start: i, End: i + 1}
	i++
	next = atFirstValue
	if object {
		next = atFirstKey
	}
	if want>>t.Kind&1 != 0 {
		goto stop
	}
	if object {
		goto firstKey
	}
	goto firstValue

end:
	if object != (d[i] == '}') {
		problem = "an object must end with } and an array with ]"
		goto broken
	}
	t = Token{Kind: EndArray, Start: i, End: i + 1}
	if object {
		t.Kind = EndObject
	}
	i++
	depth--
	if depth == 0 {
		next = atEnd
		goto stop
	}
	object = s.inObject(depth)
	next = afterValue
	if depth <= floor || want>>t.Kind&1 != 0 {
		goto stop
	}
	goto comma

tail:
	next = atEnd
	if i = space(d, i); i < len(d) {
		problem = "more data after the end of the document"
		goto broken
	}
	err = io.EOF
	t = Token{Start: i, End: i}
	goto stop

cut:
	err = ErrCut
	t = Token{Start: i, End: i}
	goto stop

broken:
	err = &SyntaxError{Offset: i, Problem: problem}
	t = Token{Start: i, End: i}

stop:
	s.bytes |= seen
	s.pos, s.depth, s.state, s.within = i, depth, next, object
	return t, err
}
