// Package scan reads JSON where it lies: it validates, cuts and walks bytes
// without building values. Masks, filters, merges and the wire's decoder stand
// on it. The grammar is RFC 8259; strings are not checked for valid UTF-8.
//
// A document that was cut short is told apart from a broken one (ErrCut), and
// everything before the cut is still delivered.
package scan

import (
	"errors"
	"fmt"
)

// MaxDepth is how deeply objects and arrays may be nested.
const MaxDepth = 512

// ErrCut says that the input ended inside a document: what came before is valid.
var ErrCut = errors.New("scan: the document ends too early")

// SyntaxError says where a document stops being JSON.
type SyntaxError struct {
	Offset  int // bytes from the start of the input
	Problem string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("not JSON at byte %d: %s", e.Offset, e.Problem)
}

// Kind is what a token is.
type Kind uint8

// The kinds of tokens. A Key is the name of a member, with its quotes.
const (
	Null Kind = iota + 1
	False
	True
	Number
	String
	Key
	BeginObject
	EndObject
	BeginArray
	EndArray
)

// String names the kind as an error message would: "a string", "an object".
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case False, True:
		return "a boolean"
	case Number:
		return "a number"
	case String:
		return "a string"
	case Key:
		return "a key"
	case BeginObject, EndObject:
		return "an object"
	case BeginArray, EndArray:
		return "an array"
	}
	return "nothing"
}

// Token is a piece of the input: data[Start:End]. Keys and strings include their
// quotes.
type Token struct {
	Kind       Kind
	Escaped    bool // a string or key with a backslash in it
	Start, End int
}

// state is what the grammar allows next.
type state uint8

const (
	atValue      state = iota // a value
	atFirstValue              // a value, or the end of an array that has just begun
	atFirstKey                // a key, or the end of an object that has just begun
	afterKey                  // a colon and a value
	afterValue                // a comma, or the end of what is open
	atEnd                     // nothing but white space
)

// Scanner is a pull tokenizer over one document. It does not allocate, except
// for the error of a broken document. The zero Scanner reads an empty input; a
// Scanner is not safe for concurrent use.
type Scanner struct {
	data   []byte
	pos    int
	depth  int
	limit  int
	bytes  uint64                // of strings and their neighbours, or-ed
	object [MaxDepth / 64]uint64 // bit d is set when the container that holds depth d+1 is an object
	state  state
	traits Traits
	within bool // the innermost container is an object

	key Token // the one read last, unless Next or Seek has returned it
}

// New returns a scanner over data, which it reads but never changes.
func New(data []byte) Scanner { return Scanner{data: data, limit: MaxDepth} }

// NewDepth is New with a lower bound on nesting: at most depth levels.
func NewDepth(data []byte, depth int) Scanner {
	return Scanner{data: data, limit: min(depth, MaxDepth)}
}

// Depth is the number of objects and arrays that are open.
func (s *Scanner) Depth() int { return s.depth }

// Bytes returns the bytes of t, a part of the input.
func (s *Scanner) Bytes(t Token) []byte { return s.data[t.Start:t.End:t.End] }

// Next returns the next token. At the end of a whole document the error is
// io.EOF; ErrCut when the input ends before the document does, together with the
// unfinished token if the cut goes through one (its End is the end of the
// input); a *SyntaxError when the document is broken.
func (s *Scanner) Next() (Token, error) { return s.run(everything, 0) }

// Skip returns the next value whole, objects and arrays included: the Kind is
// that of its first token. Where an array or object ends instead, that token is
// returned. Errors are those of Next.
func (s *Scanner) Skip() (Token, error) {
	t, err := s.Next()
	if err != nil {
		return t, err
	}
	return s.Rest(t)
}

// Rest returns the value that begins with t, the token that Next returned last:
// t itself, or the whole object or array, read to its end.
func (s *Scanner) Rest(t Token) (Token, error) {
	if t.Kind != BeginObject && t.Kind != BeginArray {
		return t, nil
	}
	_, err := s.run(nothing, s.depth-1)
	t.End = s.pos
	return t, err
}

// Member returns the next member of the object that is open: its key, and the
// first token of its value. Where the object ends instead, value is that end and
// key is none.
func (s *Scanner) Member() (key, value Token, err error) {
	value, err = s.run(everything&^Keys, 0)
	if err != nil || value.Kind == EndObject {
		return Token{}, value, err
	}
	return s.key, value, nil
}

// Leave reads on until no more than depth objects and arrays are open.
func (s *Scanner) Leave(depth int) error {
	if s.depth <= depth {
		return nil
	}
	_, err := s.run(nothing, depth)
	return err
}

// More reports whether a document begins at the scanner's place, past white
// space and record separators, and makes Next read it. At the start it is the
// first one; behind a whole document the next. It is for inputs that are
// sequences of documents: NDJSON, RFC 7464.
func (s *Scanner) More() bool {
	for s.pos = space(s.data, s.pos); s.pos < len(s.data) && s.data[s.pos] == recordSeparator; s.pos = space(s.data, s.pos+1) {
		s.traits |= Separators
	}
	if s.pos == len(s.data) || s.depth > 0 {
		return false
	}
	s.state = atValue
	return true
}

const recordSeparator = 0x1e

// inObject reports whether the innermost of depth open containers is an object.
func (s *Scanner) inObject(depth int) bool {
	d := depth - 1
	return s.object[d/64]&(1<<(d%64)) != 0
}
