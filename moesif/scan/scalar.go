package scan

import (
	"encoding/binary"
	"math/bits"
)

// space returns the index of the first byte at or after i that is no white
// space, or len(d).
func space(d []byte, i int) int {
	if i < len(d) && d[i] > ' ' {
		return i
	}
	return spaces(d, i)
}

func spaces(d []byte, i int) int {
	for i < len(d) && isSpace(d[i]) {
		i++
		for i+8 <= len(d) && binary.LittleEndian.Uint64(d[i:]) == ones*' ' {
			i += 8 // indentation
		}
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// literal explains why what begins at i as word does is not word.
func (s *Scanner) literal(i int, kind Kind, word string) (Token, error) {
	rest := s.data[i:]
	for j := range len(word) {
		if j == len(rest) {
			return Token{Kind: kind, Start: i, End: len(s.data)}, ErrCut
		}
		if rest[j] != word[j] {
			break
		}
	}
	return Token{Start: i, End: i}, &SyntaxError{Offset: i, Problem: "expected " + word}
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? at i. It returns
// the end, or where a digit is missing.
func (s *Scanner) number(i int) (int, bool) {
	d, start := s.data, i
	if d[i] == '-' {
		i++
	}
	whole := i
	i = digits(d, i)
	if i == whole {
		return i, false
	}
	if d[whole] == '0' {
		i = whole + 1 // what follows a leading zero is another token
	}
	if i < len(d) && d[i] == '.' {
		n := digits(d, i+1)
		if n == i+1 {
			return n, false
		}
		i = n
	}
	if i < len(d) && d[i]|0x20 == 'e' {
		i++
		if i < len(d) && (d[i] == '+' || d[i] == '-') {
			i++
		}
		n := digits(d, i)
		if n == i {
			return i, false
		}
		s.traits |= WideNumbers
		return n, true
	}
	if i-start >= wideNumber {
		s.traits |= WideNumbers
	}
	return i, true
}

func digits(d []byte, i int) int {
	for i < len(d) && d[i]-'0' <= 9 {
		i++
	}
	return i
}

// digitMissing is the error of a number that begins at start and needs a digit
// at i.
func (s *Scanner) digitMissing(start, i int) (Token, error) {
	if i == len(s.data) {
		return Token{Kind: Number, Start: start, End: i}, ErrCut
	}
	return Token{Kind: Number, Start: start, End: i}, &SyntaxError{Offset: i, Problem: "expected a digit"}
}

// text reads on in a string or key from i. It returns
// the end behind the quote, and whether there was a backslash at or after i.
func (s *Scanner) text(i int) (end int, escaped bool, err error) {
	d := s.data
	for {
		var x uint64
		if i, x = special(d, i); i >= len(d) {
			s.bytes |= x
			return len(d), escaped, ErrCut
		}
		s.bytes |= x
		switch d[i] {
		case '"':
			return i + 1, escaped, nil
		case '\\':
			n, ok := escape(d, i)
			if !ok {
				return i, escaped, &SyntaxError{Offset: i, Problem: "unknown escape in a string"}
			}
			if n > i+3 && d[i+2]|0x20 == 'd' && d[i+3] >= '8' {
				s.traits |= Surrogates
			}
			i, escaped = n, true
		default:
			return i, escaped, &SyntaxError{Offset: i, Problem: "control character in a string"}
		}
	}
}

// special returns the index of the first byte at or after i that does not stand
// for itself in a string, or len(d), and all bytes up to there, or-ed. It looks
// at eight bytes at a time.
func special(d []byte, i int) (int, uint64) {
	var seen uint64
	for ; i+8 <= len(d); i += 8 {
		x := binary.LittleEndian.Uint64(d[i:])
		seen |= x
		if found := specials(x); found != 0 {
			return i + bits.TrailingZeros64(found)/8, seen
		}
	}
	for ; i < len(d); i++ {
		c := d[i]
		seen |= uint64(c)
		if c == '"' || c == '\\' || c < 0x20 {
			return i, seen
		}
	}
	return i, seen
}

// Plain returns how many bytes s begins with that are ASCII and stand for
// themselves in a string.
func Plain(s string) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := s[i : i+8]
		x := uint64(w[0]) | uint64(w[1])<<8 | uint64(w[2])<<16 | uint64(w[3])<<24 |
			uint64(w[4])<<32 | uint64(w[5])<<40 | uint64(w[6])<<48 | uint64(w[7])<<56
		if found := specials(x) | x&highs; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c == '"' || c == '\\' || c < 0x20 || c >= 0x80 {
			break
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
