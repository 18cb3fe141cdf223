package scan

import (
	"encoding/binary"
	"math/bits"
)

func (s *Scanner) literal(kind Kind, word string) (Token, error) {
	rest := s.data[s.pos:]
	for i := 0; i < len(word); i++ {
		if i == len(rest) {
			return Token{kind, s.pos, len(s.data)}, ErrCut
		}
		if rest[i] != word[i] {
			return s.broken("expected " + word)
		}
	}
	s.pos += len(word)
	return Token{kind, s.pos - len(word), s.pos}, nil
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (s *Scanner) number() (Token, error) {
	d, i := s.data, s.pos
	if d[i] == '-' {
		i++
	}
	whole := i
	i = digits(d, i)
	if i == whole {
		return s.digitMissing(i)
	}
	if d[whole] == '0' {
		i = whole + 1 // what follows a leading zero is another token
	}
	if i < len(d) && d[i] == '.' {
		n := digits(d, i+1)
		if n == i+1 {
			return s.digitMissing(n)
		}
		i = n
	}
	if i < len(d) && (d[i] == 'e' || d[i] == 'E') {
		i++
		if i < len(d) && (d[i] == '+' || d[i] == '-') {
			i++
		}
		n := digits(d, i)
		if n == i {
			return s.digitMissing(i)
		}
		i = n
	}
	t := Token{Number, s.pos, i}
	s.pos = i
	return t, nil
}

func digits(d []byte, i int) int {
	for i < len(d) && '0' <= d[i] && d[i] <= '9' {
		i++
	}
	return i
}

func (s *Scanner) digitMissing(i int) (Token, error) {
	if i == len(s.data) {
		return Token{Number, s.pos, i}, ErrCut
	}
	return Token{Number, s.pos, i}, &SyntaxError{Offset: i, Problem: "expected a digit"}
}

// text reads a string or key, quotes included.
func (s *Scanner) text(kind Kind) (Token, error) {
	d, start := s.data, s.pos
	for i := start + 1; ; {
		i = special(d, i)
		if i >= len(d) {
			return Token{kind, start, len(d)}, ErrCut
		}
		switch d[i] {
		case '"':
			s.pos = i + 1
			return Token{kind, start, i + 1}, nil
		case '\\':
			n, ok := escape(d, i)
			if !ok {
				return Token{kind, start, i}, &SyntaxError{Offset: i, Problem: "unknown escape in a string"}
			}
			i = n
		default:
			return Token{kind, start, i}, &SyntaxError{Offset: i, Problem: "control character in a string"}
		}
	}
}

// special returns the index of the first byte at or after i that does not stand
// for itself in a string, or len(d). It looks at eight bytes at a time.
func special(d []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(d); i += 8 {
		x := binary.LittleEndian.Uint64(d[i:])
		quote, slash := x^(ones*'"'), x^(ones*'\\')
		found := ((quote-ones)&^quote | (slash-ones)&^slash | (x-ones*0x20)&^x) & highs
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(d); i++ {
		if c := d[i]; c == '"' || c == '\\' || c < 0x20 {
			return i
		}
	}
	return i
}

// escape returns the index behind the escape that starts at d[i]; len(d) when it
// is cut; false when it is none.
func escape(d []byte, i int) (int, bool) {
	if i+1 == len(d) {
		return i + 1, true
	}
	switch d[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, true
	case 'u':
		for j := i + 2; j < i+6; j++ {
			if j == len(d) {
				return j, true
			}
			if !isHex(d[j]) {
				return i, false
			}
		}
		return i + 6, true
	}
	return i, false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
