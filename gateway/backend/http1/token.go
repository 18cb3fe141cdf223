package http1

import "strings"

// tokenBytes are the bytes of a header's name and of a method (RFC 9110, 5.6.2);
// valueBytes those of a header's value (5.5).
var tokenBytes, valueBytes = func() (token, value [256]bool) {
	for b := range 256 {
		value[b] = b >= ' ' && b != 0x7f || b == '\t'
		letter := b|0x20 >= 'a' && b|0x20 <= 'z'
		digit := b >= '0' && b <= '9'
		token[b] = letter || digit || b > ' ' && b < 0x7f && strings.IndexByte("!#$%&'*+-.^_`|~", byte(b)) >= 0
	}
	return token, value
}()

func isToken(s string) bool {
	for i := range len(s) {
		if !tokenBytes[s[i]] {
			return false
		}
	}
	return s != ""
}

func isValue(s string) bool {
	for i := range len(s) {
		if !valueBytes[s[i]] {
			return false
		}
	}
	return true
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// hasToken reports whether a list, such as Connection's, names token.
func hasToken(values []string, token string) bool {
	for _, value := range values {
		for more := true; more; {
			var name string
			name, value, more = strings.Cut(value, ",")
			if strings.EqualFold(trim(name), token) {
				return true
			}
		}
	}
	return false
}

// trim cuts the optional white space around a value.
func trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}
