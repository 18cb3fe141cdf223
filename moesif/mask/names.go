package mask

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Masked is what stands in the place of a masked value.
const Masked = "*****"

// names are mask names, folded: matching knows no case.
type names struct {
	plain  map[string]struct{} // match a field at any depth
	dotted map[string]struct{} // match a path from the top
	first  [256]bool           // the bytes that a field with a plain name may begin with, as it is written
}

func newNames(list []string) *names {
	n := &names{plain: map[string]struct{}{}, dotted: map[string]struct{}{}}
	n.first['\\'] = true // an escape may be any letter
	for c := utf8.RuneSelf; c < len(n.first); c++ {
		n.first[c] = true // some of these fold to ASCII
	}
	for _, name := range list {
		name = string(fold(nil, strings.TrimSpace(name)))
		switch {
		case name == "":
		case strings.Contains(name, "."):
			n.dotted[name] = struct{}{}
		default:
			n.plain[name] = struct{}{}
			n.first[name[0]], n.first[upper(name[0])] = true, true
		}
	}
	return n
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

func (n *names) empty() bool { return n == nil || len(n.plain)+len(n.dotted) == 0 }

// mayBegin is false when a field, its name spelled with or without escapes,
// cannot have a plain name.
func (n *names) mayBegin(name []byte) bool { return len(name) > 0 && n.first[name[0]] }

// masksName reports whether a field with this name is to be masked at any depth.
func (n *names) masksName(name []byte) bool {
	var room [64]byte
	_, masked := n.plain[string(fold(room[:0], name))]
	return masked
}

// isComparable reports whether a name is UTF-8. In another encoding it may be any
// of the masked ones: better to hide its value.
func isComparable(name []byte) bool { return utf8.Valid(name) }

// leads reports whether a dotted name may match below p.
func (n *names) leads(p path) bool {
	for name := range n.dotted {
		if len(name) > len(p) && name[len(p)] == '.' && name[:len(p)] == string(p) {
			return true
		}
	}
	return false
}

// path is where a walk through a document stands: the folded names of the open
// fields, with dots between them.
type path []byte

// enter appends a field's name to the first base bytes of p.
func enter[T string | []byte](p path, base int, name T) path {
	p = p[:base]
	if base > 0 {
		p = append(p, '.')
	}
	return fold(p, name)
}

// masks reports whether the field that enter has just appended behind base is to
// be masked.
func (n *names) masks(p path, base int) bool {
	if base > 0 {
		base++ // the dot
	}
	if _, masked := n.plain[string(p[base:])]; masked {
		return true
	}
	_, masked := n.dotted[string(p)]
	return masked
}

// masksForm reports whether a form field is to be masked. Its name may spell a
// path, as user[password], user.password or users[0][password]: the field is
// masked when any part of the path is, and list indexes do not count. A name that
// cannot be compared with any counts as masked.
func (n *names) masksForm(name []byte) bool {
	if !isComparable(name) {
		return true
	}
	var room [128]byte
	folded := fold(room[:0], name)
	if _, masked := n.plain[string(folded)]; masked {
		return true
	}
	var short [128]byte
	var all, named path = short[:0], nil
	for len(folded) > 0 {
		end := 0
		for end < len(folded) && !isSeparator(folded[end]) {
			end++
		}
		part := bytes.TrimSpace(folded[:end]) // as some frameworks do
		folded = folded[min(end+1, len(folded)):]
		if len(part) == 0 {
			continue
		}
		base := len(all)
		if all = enter(all, base, part); n.masks(all, base) {
			return true
		}
		if len(n.dotted) > 0 && !isIndex(part) {
			base = len(named)
			if named = enter(named, base, part); n.masks(named, base) {
				return true
			}
		}
	}
	return false
}

func isSeparator(c byte) bool { return c == '.' || c == '[' || c == ']' }

func isIndex(part []byte) bool {
	for _, c := range part {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// fold appends s with all letters that differ only in case made one, in the
// sense of strings.EqualFold. Bytes that are no UTF-8 stay as they are.
func fold[T string | []byte](dst []byte, s T) []byte {
	start := len(dst)
	dst = append(dst, s...)
	for i, c := range dst[start:] {
		if c >= utf8.RuneSelf {
			return foldRunes(dst[:start+i], s[i:])
		}
		if 'A' <= c && c <= 'Z' {
			dst[start+i] = c + 'a' - 'A'
		}
	}
	return dst
}

func foldRunes[T string | []byte](dst []byte, s T) []byte {
	for rest := string(s); len(rest) > 0; {
		r, size := utf8.DecodeRuneInString(rest)
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, rest[0])
		} else {
			dst = utf8.AppendRune(dst, foldRune(r))
		}
		rest = rest[size:]
	}
	return dst
}

// foldRune returns the smallest rune that folds with r, in lower case if ASCII.
func foldRune(r rune) rune {
	smallest := r // capitals come first in a fold
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		smallest = min(smallest, f)
	}
	if 'A' <= smallest && smallest <= 'Z' {
		smallest += 'a' - 'A'
	}
	return smallest
}
