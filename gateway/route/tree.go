package route

import (
	"fmt"
	"slices"
	"strings"
)

// Table maps methods and paths to values of type T. Add everything first; after
// that it is safe for concurrent use.
type Table[T any] struct {
	trees []tree[T] // in order of their first Add
}

type tree[T any] struct {
	method string
	root   *node[T]
	// wild has what stands before the stars of wildcards; nil: there are none.
	wild *node[T]
}

// node is a place in the tree after some segments. A path that ends in a slash has
// an empty last segment.
type node[T any] struct {
	static map[string]*node[T]
	mixed  []branch[T] // most literal text first
	param  *branch[T]
	leaf   *leaf[T]
}

type branch[T any] struct {
	segment segment
	next    *node[T]
}

type leaf[T any] struct {
	names []string
	text  string // the pattern
	value T
}

// Params are the values of a matched path's parameters, in the pattern's order.
type Params struct {
	Names  []string // shared: not to be changed
	Values []string
}

// Get returns the value of the parameter called name, or "".
func (p Params) Get(name string) string {
	if i := slices.Index(p.Names, name); i >= 0 && i < len(p.Values) {
		return p.Values[i]
	}
	return ""
}

// Add registers value. The error names what it collides with: the same method and
// path, or another name for a parameter at the same place.
func (t *Table[T]) Add(method string, p Pattern, value T) error {
	n := t.root(method, p.wildcard)
	for i := range p.segments {
		next, err := n.child(&p.segments[i])
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, p.Text, err)
		}
		n = next
	}
	if n.leaf != nil {
		return fmt.Errorf("%s %s: registered already, as %s", method, p.Text, n.leaf.text)
	}
	n.leaf = &leaf[T]{names: p.Names, text: p.Text, value: value}
	return nil
}

func (t *Table[T]) root(method string, wildcard bool) *node[T] {
	of := t.find(method)
	if of == nil {
		t.trees = append(t.trees, tree[T]{method: method, root: &node[T]{}})
		of = &t.trees[len(t.trees)-1]
	}
	if !wildcard {
		return of.root
	}
	if of.wild == nil {
		of.wild = &node[T]{}
	}
	return of.wild
}

func (n *node[T]) child(s *segment) (*node[T], error) {
	if len(s.names) == 0 {
		text := s.literals[0]
		if n.static == nil {
			n.static = make(map[string]*node[T])
		}
		if n.static[text] == nil {
			n.static[text] = &node[T]{}
		}
		return n.static[text], nil
	}
	if b := n.branch(s); b != nil {
		if !slices.Equal(b.segment.names, s.names) {
			return nil, fmt.Errorf("parameter {%s} stands where another endpoint has {%s}: use one name",
				strings.Join(s.names, "}, {"), strings.Join(b.segment.names, "}, {"))
		}
		return b.next, nil
	}
	b := branch[T]{segment: *s, next: &node[T]{}}
	if s.whole() {
		n.param = &b
		return b.next, nil
	}
	n.mixed = append(n.mixed, b)
	slices.SortStableFunc(n.mixed, func(a, b branch[T]) int { return len(b.segment.shape()) - len(a.segment.shape()) })
	return b.next, nil
}

// branch finds the branch with the shape of s.
func (n *node[T]) branch(s *segment) *branch[T] {
	if s.whole() {
		return n.param
	}
	for i := range n.mixed {
		if n.mixed[i].segment.shape() == s.shape() {
			return &n.mixed[i]
		}
	}
	return nil
}

// whole reports whether the segment is nothing but one parameter.
func (s *segment) whole() bool {
	return len(s.names) == 1 && s.literals[0] == "" && s.literals[1] == ""
}
