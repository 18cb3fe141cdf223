package scan

import (
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// Valid reports whether b is one JSON document of at most MaxDepth levels.
func Valid(b []byte) bool {
	_, ok := Inspect(b, MaxDepth)
	return ok
}

// Inspect reports whether b is one JSON document of at most depth levels, and if
// so what it is like. It reads about a gigabyte a second.
func Inspect(b []byte, depth int) (traits Traits, ok bool) {
	s := NewDepth(b, depth)
	if _, err := s.Seek(nothing); err != nil {
		return 0, false
	}
	return s.Traits(), space(b, s.pos) == len(b)
}

// ErrNotArray says that a document is JSON but no array.
var ErrNotArray = errors.New("scan: not a JSON array")

// SplitArray returns the elements of the JSON array b, each a part of b without
// the white space around it. The whole of b is validated.
func SplitArray(b []byte) ([][]byte, error) {
	s := New(b)
	t, err := s.Next()
	if err != nil {
		return nil, err
	}
	if t.Kind != BeginArray {
		return nil, ErrNotArray
	}
	elements := [][]byte{}
	for {
		t, err = s.Skip()
		if err != nil {
			return nil, err
		}
		if t.Kind == EndArray {
			break
		}
		elements = append(elements, s.Bytes(t))
	}
	if _, err = s.Next(); !errors.Is(err, io.EOF) {
		return nil, err
	}
	return elements, nil
}

// AppendText appends the text that the string or key literal raw (quotes
// included) stands for. The literal must be valid, or the beginning of a valid
// one. Half of a surrogate pair becomes U+FFFD; other bytes stay as they are.
func AppendText(dst, raw []byte) []byte {
	for i := 1; i < len(raw); {
		n, _ := special(raw, i)
		dst = append(dst, raw[i:n]...)
		if n+1 >= len(raw) || raw[n] != '\\' {
			return dst
		}
		i = n + 2
		switch c := raw[n+1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := unit(raw, n)
			if i = n + 6; i > len(raw) {
				return dst // half an escape says nothing
			}
			if utf16.IsSurrogate(r) {
				pair := utf16.DecodeRune(r, unit(raw, i))
				if pair != utf8.RuneError {
					i += 6
				}
				r = pair
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// unit returns the UTF-16 unit of the escape \uXXXX at raw[i], or -1.
func unit(raw []byte, i int) rune {
	if i+6 > len(raw) || raw[i] != '\\' || raw[i+1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range raw[i+2 : i+6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
