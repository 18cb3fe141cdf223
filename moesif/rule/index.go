package rule

import (
	"cmp"
	"math/bits"
	"slices"
)

// index holds the groups of many rules, and finds those that match a request
// without looking at each.
type index []chunk

// chunk holds up to most groups.
type chunk struct {
	groups  []owned
	words   int       // of a bitset that are in use
	filters []*filter // the cheap fields first
}

// owned is a group with the rule it belongs to.
type owned struct {
	group
	owner int
}

// newIndex makes the index of rules, each a list of groups of which one must
// match; an empty list always does.
func newIndex(rules [][]group) index {
	var x index
	for owner, groups := range rules {
		if len(groups) == 0 {
			groups = []group{nil}
		}
		for _, g := range groups {
			if len(x) == 0 || len(x[len(x)-1].groups) == most {
				x = append(x, chunk{})
			}
			c := &x[len(x)-1]
			c.groups = append(c.groups, owned{g, owner})
		}
	}
	for i := range x {
		x[i].prepare()
	}
	return x
}

// prepare makes the filters.
func (c *chunk) prepare() {
	c.words = (len(c.groups) + 63) / 64
	needs := map[field][][]string{}
	for i, g := range c.groups {
		for _, condition := range g.group {
			if condition.field.kind == ofBody || condition.pattern.needs == nil {
				continue
			}
			of := needs[condition.field]
			if of == nil {
				of = make([][]string, len(c.groups))
				needs[condition.field] = of
			}
			of[i] = better(of[i], condition.pattern.needs)
		}
	}
	for f, of := range needs {
		c.filters = append(c.filters, newFilter(f, of))
	}
	slices.SortFunc(c.filters, func(a, b *filter) int {
		return cmp.Or(cmp.Compare(a.field.kind, b.field.kind), cmp.Compare(a.field.name, b.field.name))
	})
}

// candidates makes live the groups that may match r.
func (c *chunk) candidates(r *request, live *bitset) {
	for w := range c.words {
		live[w] = ^uint64(0)
	}
	if n := len(c.groups) % 64; n != 0 {
		live[c.words-1] = 1<<n - 1
	}
	for _, x := range c.filters {
		var bound uint64 // groups still there that this field can rule out
		for w := range c.words {
			bound |= live[w] &^ x.free[w]
		}
		if bound == 0 {
			continue
		}
		found := x.free
		if text, ok := r.text(&x.field); ok {
			x.scan(text, &found)
		}
		for w := range c.words {
			live[w] &= found[w]
		}
	}
}

// walk goes through the rules of an index that match a request, in order.
type walk struct {
	index index
	chunk int // the one live belongs to, plus one
	word  int
	live  bitset // groups not yet looked at
	owner int    // of the last match, plus one
}

func (x index) walk() walk { return walk{index: x} }

// next returns the place of the next rule that matches; false: there is none.
func (w *walk) next(r *request) (owner int, ok bool) {
	for {
		if w.chunk > 0 {
			if owner, ok = w.within(&w.index[w.chunk-1], r); ok {
				return owner, true
			}
		}
		if w.chunk == len(w.index) {
			return 0, false
		}
		w.index[w.chunk].candidates(r, &w.live)
		w.chunk, w.word = w.chunk+1, 0
	}
}

func (w *walk) within(c *chunk, r *request) (owner int, ok bool) {
	for ; w.word < c.words; w.word++ {
		for w.live[w.word] != 0 {
			i := bits.TrailingZeros64(w.live[w.word])
			w.live[w.word] &= w.live[w.word] - 1
			g := &c.groups[w.word*64+i]
			if g.owner+1 != w.owner && g.match(r) {
				w.owner = g.owner + 1
				return g.owner, true
			}
		}
	}
	return 0, false
}
