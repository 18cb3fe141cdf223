package journal

import (
	"fmt"
	"hash/maphash"

	"github.com/cockroachdb/pebble/v2"
	"github.com/parquet-go/parquet-go/bloom"
)

const (
	// filterBytes bounds the memory of the filter: 28 million ids.
	filterBytes = 48 << 20
	// With these, a new id is taken for one that may be known in one case of 380 for
	// each layer. All bits of an id in a layer are in one line of memory: to fetch it is
	// what an id costs.
	bitsPerID = 14

	minFilter = 1 << 20 // ids that the smallest layer has room for
	// idBytes is less than an id takes on the disk: what is estimated from it is
	// too large rather than too small.
	idBytes = 20
	// stopEvery is how many ids a build reads at once, before it asks whether it should
	// end.
	stopEvery = 4096
)

// filter tells of most ids that they are new without asking the disk. It holds
// nothing that the disk does not have: it is built from all ids that are remembered,
// in the background, at the start and when many were forgotten; until there is one, or
// when it would be too large, the disk is asked. It grows by layers, each id is in one
// of them. Owned by the committer.
type filter struct {
	budget int64 // bytes
	least  int   // ids that the smallest layer has room for
	seed   maphash.Seed
	layers []layer // none: any id may be known
	ids    int     // that are remembered, about
	stale  bool    // many of those in the layers are forgotten
	build  *build  // the one that is being built; nil: none
}

type layer struct {
	bloom     bloom.SplitBlockFilter
	ids, room int // that are in it, about; that it was made for
}

// build is a filter on its way. Its goroutine owns made until done is closed.
type build struct {
	room  int
	seed  maphash.Seed
	since []uint64 // sums of what is remembered since it began; owned by the committer
	made  bloom.SplitBlockFilter
	ids   int
	whole bool // made holds every id there was at the beginning
	done  chan struct{}
}

func newFilter(budget int64, least int) filter {
	return filter{budget: budget, least: least, seed: maphash.MakeSeed()}
}

func blocksFor(room int) int { return bloom.NumSplitBlocksOf(int64(room), bitsPerID) }

func bytesFor(room int) int64 { return int64(blocksFor(room)) * bloom.BlockSize }

func newBloom(room int) bloom.SplitBlockFilter {
	return make(bloom.SplitBlockFilter, blocksFor(room)) // room is positive
}

// sumOf is what the filter knows of the id of a key, in whatever epoch.
func sumOf(seed maphash.Seed, key []byte) uint64 { return maphash.Bytes(seed, key[epochKeyLen:]) }

// grow adds a layer, if there is memory for it.
func (f *filter) grow() {
	room := max(f.least, f.ids/2)
	if f.used()+bytesFor(room) <= f.budget {
		f.layers = append(f.layers, layer{bloom: newBloom(room), room: room})
	}
}

// maybe is false when the id of that sum is not remembered.
func (f *filter) maybe(sum uint64) bool {
	if len(f.layers) == 0 {
		return true
	}
	for i := range f.layers {
		if f.layers[i].bloom.Check(sum) {
			return true
		}
	}
	return false
}

// add takes an id that is remembered from now on.
func (f *filter) add(sum uint64) {
	f.ids++
	if n := len(f.layers); n > 0 {
		last := &f.layers[n-1]
		last.bloom.Insert(sum)
		if last.ids++; last.ids == last.room {
			f.grow()
		}
	}
	if f.build != nil {
		f.build.since = append(f.build.since, sum)
	}
}

func (f *filter) used() (bytes int64) {
	for i := range f.layers {
		bytes += bytesFor(f.layers[i].room)
	}
	if f.build != nil {
		bytes += bytesFor(f.build.room)
	}
	return bytes
}

// built is closed when the filter that is being built is finished.
func (f *filter) built() <-chan struct{} {
	if f.build == nil {
		return nil
	}
	return f.build.done
}

// tend takes over a filter that is finished, and begins the next one.
func (f *filter) tend(o *opening) error {
	if b := f.build; b != nil {
		select {
		case <-b.done:
		default:
			return nil
		}
		f.build = nil
		f.take(b)
	}
	if n := len(f.layers); n > 0 {
		switch last := &f.layers[n-1]; {
		case last.ids > 2*last.room: // of little use, and there is no memory for more
			f.layers = nil
		case last.ids > last.room:
			f.grow()
		}
	}
	if len(f.layers) > 0 && !f.stale {
		return nil
	}
	room := max(f.least, f.ids+f.ids/8)
	if f.used()+bytesFor(room) > f.budget {
		return nil
	}
	return f.start(o, room)
}

// take puts a finished filter in its place.
func (f *filter) take(b *build) {
	if !b.whole {
		return
	}
	b.made.InsertBulk(b.since)
	f.ids = b.ids + len(b.since)
	f.layers = []layer{{bloom: b.made, ids: f.ids, room: b.room}}
	if f.ids >= b.room {
		f.grow()
	}
}

// start builds a filter of all ids that are remembered now.
func (f *filter) start(o *opening, room int) error {
	ids, err := o.db.NewIter(&pebble.IterOptions{LowerBound: []byte{idPrefix}, UpperBound: []byte{idPrefix + 1}})
	if err != nil {
		return fmt.Errorf("read ids: %w", err)
	}
	b := &build{room: room, seed: f.seed, made: newBloom(room), done: make(chan struct{})}
	f.build, f.stale = b, false
	o.building.Go(func() {
		defer close(b.done)
		err := closeAll(b.read(o, ids), ids)
		if err != nil {
			o.j.Logger.Warn("the remembered ids could not be read", "error", err)
		}
		b.whole = b.whole && err == nil
	})
	return nil
}

// read adds what ids has, unless the opening ends first.
func (b *build) read(o *opening, ids *pebble.Iterator) error {
	sums := make([]uint64, 0, stopEvery)
	for ok := ids.First(); ok; ok = ids.Next() {
		sums = append(sums, sumOf(b.seed, ids.Key()))
		if len(sums) < stopEvery {
			continue
		}
		b.add(sums)
		sums = sums[:0]
		select {
		case <-o.stop:
			return nil
		case <-o.failed:
			return nil
		default:
		}
	}
	b.add(sums)
	b.whole = true
	return ids.Error()
}

func (b *build) add(sums []uint64) {
	b.made.InsertBulk(sums)
	b.ids += len(sums)
}
