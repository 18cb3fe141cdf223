package route

import (
	"path"
	"slices"
	"strings"
)

// Lookup finds the value for a decoded path. Literals win over mixed segments, and
// these over parameters; wildcards are asked when nothing else matches, the one that
// says most of the path first. Values of parameters are appended to buf, which the
// caller may reuse after the request; they are substrings of path.
func (t *Table[T]) Lookup(method, path string, buf []string) (value T, params Params, ok bool) {
	if of := t.find(method); of != nil && strings.HasPrefix(path, "/") {
		if l, values := of.lookup(path[1:], buf); l != nil {
			return l.value, Params{Names: l.names, Values: values}, true
		}
	}
	return value, Params{}, false
}

// Allowed lists the methods other than method that have the path, in the order in
// which they were added; nil when there is none.
func (t *Table[T]) Allowed(method, path string) []string {
	var methods []string
	for i := range t.trees {
		if t.trees[i].method == method || !strings.HasPrefix(path, "/") {
			continue
		}
		if l, _ := t.trees[i].lookup(path[1:], nil); l != nil {
			methods = append(methods, t.trees[i].method)
		}
	}
	return methods
}

// Redirects says which corrected paths a client is sent to.
type Redirects struct {
	TrailingSlash bool // /a/ ↔ /a
	FixedPath     bool // another case, doubled slashes, dots; a trailing slash, too
}

// Redirect returns the path that a request for a path without a match should be
// sent to. It begins with exactly one slash.
func (t *Table[T]) Redirect(method, p string, o Redirects) (string, bool) {
	of := t.find(method)
	if of == nil || p == "/" || !strings.HasPrefix(p, "/") {
		return "", false
	}
	if o.TrailingSlash {
		toggled := toggleSlash(p)
		if l, _ := of.lookup(toggled[1:], nil); l != nil && !strings.HasPrefix(toggled, "//") {
			return toggled, true
		}
	}
	if !o.FixedPath {
		return "", false
	}
	clean := Clean(p)
	for _, candidate := range []string{clean, toggleSlash(clean)} {
		if fixed, ok := of.root.fold(candidate[1:], "", false); ok && fixed != p {
			return fixed, true
		}
		if of.wild == nil {
			continue
		}
		if fixed, ok := of.wild.fold(candidate[1:], "", true); ok && fixed != p {
			return fixed, true
		}
	}
	return "", false
}

// Clean is path.Clean for request paths: rooted, and keeping a trailing slash.
func Clean(p string) string {
	clean := path.Clean("/" + p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		return clean + "/"
	}
	return clean
}

func toggleSlash(p string) string {
	if len(p) > 1 && strings.HasSuffix(p, "/") {
		return p[:len(p)-1]
	}
	return p + "/"
}

func (t *Table[T]) find(method string) *tree[T] {
	for i := range t.trees {
		if t.trees[i].method == method {
			return &t.trees[i]
		}
	}
	return nil
}

// lookup is Lookup for rest, the path without the slash in front.
func (t *tree[T]) lookup(rest string, values []string) (*leaf[T], []string) {
	if l, v := t.root.lookup(rest, values); l != nil || t.wild == nil {
		return l, v
	}
	return t.wild.within(rest, values)
}

// lookup walks rest, the path without the slash in front. How deep it goes is
// bounded by the deepest pattern.
func (n *node[T]) lookup(rest string, values []string) (*leaf[T], []string) {
	text, rest, more := strings.Cut(rest, "/")
	if next := n.static[text]; next != nil {
		if l, v := next.after(rest, more, values); l != nil {
			return l, v
		}
	}
	for i := range n.mixed {
		b := &n.mixed[i]
		v, ok := b.segment.match(text, values, equal)
		if !ok {
			continue
		}
		if l, v := b.next.after(rest, more, v); l != nil {
			return l, v
		}
	}
	if n.param != nil && text != "" {
		return n.param.next.after(rest, more, append(values, text))
	}
	return nil, nil
}

func (n *node[T]) after(rest string, more bool, values []string) (*leaf[T], []string) {
	if more {
		return n.lookup(rest, values)
	}
	return n.leaf, values
}

// within finds the deepest wildcard that rest stands behind.
func (n *node[T]) within(rest string, values []string) (*leaf[T], []string) {
	text, after, more := strings.Cut(rest, "/")
	if more {
		if next := n.static[text]; next != nil {
			if l, v := next.within(after, values); l != nil {
				return l, v
			}
		}
		for i := range n.mixed {
			b := &n.mixed[i]
			v, ok := b.segment.match(text, values, equal)
			if !ok {
				continue
			}
			if l, v := b.next.within(after, v); l != nil {
				return l, v
			}
		}
		if n.param != nil && text != "" {
			if l, v := n.param.next.within(after, append(values, text)); l != nil {
				return l, v
			}
		}
	}
	if n.leaf == nil {
		return nil, nil
	}
	return n.leaf, append(values, rest)
}

func equal(a, b string) bool { return a == b }

// fold finds rest with literals matched in any case, and returns the path as it is
// registered, parameters and what a wildcard matches as they came. wild says that n
// is of wildcards.
func (n *node[T]) fold(rest, done string, wild bool) (string, bool) {
	if fixed, ok := n.foldBelow(rest, done, wild); ok {
		return fixed, true
	}
	return done + "/" + rest, wild && n.leaf != nil
}

func (n *node[T]) foldBelow(rest, done string, wild bool) (string, bool) {
	text, rest, more := strings.Cut(rest, "/")
	onward := func(next *node[T], text string) (string, bool) {
		if more {
			return next.fold(rest, done+"/"+text, wild)
		}
		return done + "/" + text, !wild && next.leaf != nil
	}
	if next := n.static[text]; next != nil {
		if fixed, ok := onward(next, text); ok {
			return fixed, true
		}
	}
	for _, literal := range n.folded(text) {
		if fixed, ok := onward(n.static[literal], literal); ok {
			return fixed, true
		}
	}
	for i := range n.mixed {
		b := &n.mixed[i]
		values, ok := b.segment.match(text, nil, strings.EqualFold)
		if !ok {
			continue
		}
		if fixed, ok := onward(b.next, b.segment.fill(values)); ok {
			return fixed, true
		}
	}
	if n.param != nil && text != "" {
		return onward(n.param.next, text)
	}
	return "", false
}

// folded lists the literals that equal text but for case, sorted.
func (n *node[T]) folded(text string) []string {
	var literals []string
	for literal := range n.static {
		if literal != text && strings.EqualFold(literal, text) {
			literals = append(literals, literal)
		}
	}
	slices.Sort(literals)
	return literals
}

// fill writes the segment with values in place of its parameters.
func (s *segment) fill(values []string) string {
	var b strings.Builder
	for i, value := range values {
		b.WriteString(s.literals[i])
		b.WriteString(value)
	}
	b.WriteString(s.literals[len(values)])
	return b.String()
}
