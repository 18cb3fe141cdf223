package rule

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// texts are strings, each there once and known by its number: 0 for the one that
// came first, and so on. They lie in one string and are found by a table of
// numbers, so that a garbage collector has nothing to follow, however many they
// are.
type texts struct {
	all   string   // one behind the other
	from  []uint32 // where in all each begins, and where the last one ends
	slots []uint64 // see taken; empty: they are not looked for any more
	seed  maphash.Seed
}

// taken is a slot of a hash table with linear probing: half a hash, below it the
// number plus one. 0 is a free slot.
func taken(hash uint64, number int) uint64 { return hash<<32 | uint64(number+1) } // #nosec G115 -- documents are bounded far below

// at returns the text of a number that was given.
func (x *texts) at(number uint32) string { return x.all[x.from[number]:x.from[number+1]] }

// count is how many there are.
func (x *texts) count() int { return max(0, len(x.from)-1) }

// find returns the number of a text; false: it is not there. It does not allocate.
func (x *texts) find(text string) (number uint32, ok bool) {
	if len(x.slots) == 0 {
		return 0, false
	}
	hash, last := maphash.String(x.seed, text)>>32, uint64(len(x.slots)-1)
	for i := hash & last; x.slots[i] != 0; i = (i + 1) & last {
		if number = uint32(x.slots[i]) - 1; x.slots[i]>>32 == hash && x.at(number) == text { // #nosec G115 -- the lower half
			return number, true
		}
	}
	return 0, false
}

// gatherer makes texts.
type gatherer struct {
	all   []byte
	from  []uint32
	slots []uint64 // a power of two, of which four fifths at most are taken
	seed  maphash.Seed
}

// add returns the number of a text, which it takes in if it is new.
func (g *gatherer) add(text []byte) (number uint32) {
	if 5*len(g.from) >= 4*len(g.slots) {
		g.grow()
	}
	hash, last := maphash.Bytes(g.seed, text)>>32, uint64(len(g.slots)-1)
	i := hash & last
	for ; g.slots[i] != 0; i = (i + 1) & last {
		number = uint32(g.slots[i]) - 1 // #nosec G115 -- the lower half
		if g.slots[i]>>32 == hash && string(g.at(number)) == string(text) {
			return number
		}
	}
	g.slots[i] = taken(hash, len(g.from)-1)
	g.all = append(g.all, text...)
	g.from = append(g.from, uint32(len(g.all))) // #nosec G115 -- as above
	return uint32(len(g.from) - 2)              // #nosec G115 -- as above
}

func (g *gatherer) at(number uint32) []byte { return g.all[g.from[number]:g.from[number+1]] }

// grow doubles the table.
func (g *gatherer) grow() {
	if len(g.slots) == 0 {
		g.seed, g.from = maphash.MakeSeed(), []uint32{0}
	}
	before := g.slots
	g.slots = make([]uint64, max(8, 2*len(before)))
	last := uint64(len(g.slots) - 1)
	for _, s := range before {
		if s == 0 {
			continue
		}
		i := s >> 32 & last
		for g.slots[i] != 0 {
			i = (i + 1) & last
		}
		g.slots[i] = s
	}
}

// texts returns what was gathered, without room to grow; texts that are known by
// their numbers only need no table.
func (g *gatherer) texts() texts {
	return texts{all: string(g.all), from: slices.Clone(g.from)}
}

// lookedUp returns what was gathered, to be found by text.
func (g *gatherer) lookedUp() texts {
	x := g.texts()
	x.slots, x.seed = g.slots, g.seed
	return x
}

// appendText appends a text that cutText finds again.
func appendText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// cutText returns the first of the texts in s, and the rest.
func cutText(s string) (text, rest string) {
	n := 0
	for i := range len(s) { // a varint
		n |= int(s[i]&0x7f) << (7 * i)
		if s[i] < 0x80 {
			s = s[i+1:]
			break
		}
	}
	return s[:n], s[n:]
}
