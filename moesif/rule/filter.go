package rule

import "math/bits"

// most is how many groups one chunk of an index holds.
const most = 1024

// bitset is a set of groups of a chunk.
type bitset [most / 64]uint64

func (b *bitset) add(i int) { b[i/64] |= 1 << (i % 64) }

func (b *bitset) has(i int) bool { return b[i/64]>>(i%64)&1 != 0 }

// filter finds the groups that one field does not rule out, by the literals that
// their conditions on it need. It does not look at each group: its cost grows
// with the field's length, not with the number of groups.
type filter struct {
	field   field
	free    bitset    // groups that no literal of this field is known to be needed for
	needles []needle  // each literal once
	tables  [4]*table // by length of the gram less one; nil: no needle has such a gram
}

// needle is a literal, found by one of its pieces: its gram, the rarest one.
type needle struct {
	text  string // folded
	at    int    // where in text the gram is
	next  uint16 // the next needle in the gram's slot, plus one
	masks []mask // the groups that need the literal, or another of a set
}

// mask is a part of a bitset.
type mask struct {
	word int
	bits uint64
}

// table is a hash table over the grams of one length, with chains in needles.
type table struct {
	shift int
	slots []uint16 // index of the first needle, plus one
}

func (t *table) slot(gram uint32) uint32 { return gram * 2654435761 >> t.shift }

// fold makes letters that differ only in ASCII case equal. Some other bytes
// become equal too, which makes a filter coarser, never wrong.
const fold = 0x20

// newFilter makes the filter of f. needs holds, for each group, the literals of
// which one must be in the field; nil where none are known.
func newFilter(f field, needs [][]string) *filter {
	x := &filter{field: f}
	index := map[string]int{}
	for g, words := range needs {
		if words == nil {
			x.free.add(g)
		}
		for _, word := range words {
			text := folded(word)
			i, known := index[text]
			if !known {
				i = len(x.needles)
				index[text] = i
				x.needles = append(x.needles, needle{text: text})
			}
			x.needles[i].add(g)
		}
	}
	x.link()
	return x
}

func (n *needle) add(g int) {
	if last := len(n.masks) - 1; last < 0 || n.masks[last].word != g/64 {
		n.masks = append(n.masks, mask{word: g / 64})
	}
	n.masks[len(n.masks)-1].bits |= 1 << (g % 64)
}

// link chooses the gram of each needle and fills the tables.
func (x *filter) link() {
	count := map[uint32]int{}
	for i := range x.needles {
		text := x.needles[i].text
		n := min(len(text), len(x.tables))
		for at := 0; at+n <= len(text); at++ {
			count[gram(text[at:], n)]++
		}
	}
	// Twice as many slots as needles at least, so that most grams of a text meet none.
	width := max(bits.Len(uint(len(x.needles)))+1, 6)
	for i := range x.needles {
		needle := &x.needles[i]
		n := min(len(needle.text), len(x.tables))
		for at := 1; at+n <= len(needle.text); at++ {
			if count[gram(needle.text[at:], n)] < count[gram(needle.text[needle.at:], n)] {
				needle.at = at
			}
		}
		if x.tables[n-1] == nil {
			x.tables[n-1] = &table{shift: 32 - width, slots: make([]uint16, 1<<width)}
		}
		first := &x.tables[n-1].slots[x.tables[n-1].slot(gram(needle.text[needle.at:], n))]
		needle.next = *first
		*first = uint16(i + 1) // #nosec G115 -- a chunk has at most most × manyWords = 32768 needles
	}
}

// gram returns the first n bytes of s, folded, n being 1 to 4.
func gram(s string, n int) uint32 {
	var g uint32
	for i := range n {
		g = g<<8 | uint32(s[i]|fold)
	}
	return g
}

func folded(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] |= fold
	}
	return string(b)
}

// scan adds to found the groups of which a literal is in text.
func (x *filter) scan(text string, found *bitset) {
	for i, t := range x.tables {
		n := i + 1
		if t == nil || len(text) < n {
			continue
		}
		keep := uint32(1)<<(8*n) - 1 // 0 - 1, all of it, for four bytes
		g := gram(text, n)
		for end := n; ; end++ {
			for j := t.slots[t.slot(g)]; j != 0; {
				needle := &x.needles[j-1]
				needle.look(text, end-n-needle.at, found)
				j = needle.next
			}
			if end == len(text) {
				break
			}
			g = (g<<8 | uint32(text[end]|fold)) & keep
		}
	}
}

// look adds the needle's groups to found when it is in text at the offset at.
func (n *needle) look(text string, at int, found *bitset) {
	if at < 0 || at+len(n.text) > len(text) {
		return
	}
	for i := range len(n.text) {
		if text[at+i]|fold != n.text[i] {
			return
		}
	}
	for _, m := range n.masks {
		found[m.word] |= m.bits
	}
}
