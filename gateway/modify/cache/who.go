package cache

import (
	"crypto/sha256"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// credential tells whose request one is, by what it proves itself with. A gateway
// asks for many, and what one of them gets is private to that one, unless the
// backend says public.
type credential [sha256.Size]byte

// nobody is the credential of a request without one, and of what is public.
var nobody credential

func credentialOf(h http.Header) credential {
	if len(h["Authorization"]) == 0 && len(h["Cookie"]) == 0 {
		return nobody
	}
	sum := sha256.New()
	for _, name := range []string{"Authorization", "Cookie"} {
		for _, value := range h[name] {
			sum.Write([]byte(value))
			sum.Write([]byte{'\n'}) // no value holds one
		}
		sum.Write([]byte{0})
	}
	return credential(sum.Sum(nil))
}

// suits reports whether i answers r, asked by who.
func (i *item) suits(r *http.Request, who credential) bool {
	if i.who != nobody && i.who != who {
		return false
	}
	for n, name := range i.vary {
		if i.varied[n] != joined(r.Header, name) {
			return false
		}
	}
	return true
}

func joined(h http.Header, name string) string {
	switch values := h[name]; len(values) {
	case 0:
		return ""
	case 1:
		return textproto.TrimString(values[0])
	default:
		return strings.Join(values, ",")
	}
}

// varies lists the headers that an answer varies by; ok is false for "*".
func varies(h http.Header) (names []string, ok bool) {
	for _, line := range h["Vary"] {
		for name := range strings.SplitSeq(line, ",") {
			name = textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name))
			if name == "*" {
				return nil, false
			}
			if name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names, true
}
