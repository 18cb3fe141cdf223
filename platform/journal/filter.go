package journal

import (
	"fmt"
	"hash/maphash"

	"github.com/cockroachdb/pebble/v2"
	"github.com/parquet-go/parquet-go/bloom"
)

const (
	// filterBytes bounds the memory of all filters together: 30 million ids.
	filterBytes = 48 << 20
	// With these, a new id is taken for one that may be known in one case of 180. All
	// bits of an id are in one line of memory: to fetch it is what an id costs.
	bitsPerID = 12

	minFilter = 1 << 20 // ids that the smallest layer has room for
	// idBytes is less than an id takes on the disk: what is estimated from it is
	// too large rather than too small.
	idBytes = 20
	// stopEvery is how many ids a build reads at once, before it asks whether it should
	// end.
	stopEvery = 4096
)

// filters tell of most ids that they are new without asking the disk. They hold
// nothing that the disk does not have: at the start each is built from the ids of an
// epoch, in the background, and until then, or when it would be too large, the disk
// is asked. Owned by the committer.
type filters struct {
	budget int64 // bytes
	least  int   // ids that the smallest layer has room for
	seed   maphash.Seed
	epochs map[uint32]*filter
	build  *build // the one that is being built; nil: none
}

// filter is that of one epoch. It grows by layers: an id is in one of them.
type filter struct {
	layers []layer // none: any id may be known
	ids    int     // that are in all of them, about
}

type layer struct {
	bloom     bloom.SplitBlockFilter
	ids, room int // that are in it, about; that it was made for
}

// build is a filter on its way. Its goroutine owns made until done is closed.
type build struct {
	epoch uint32
	room  int
	seed  maphash.Seed
	since []uint64 // sums of what is remembered since it began; owned by the committer
	made  bloom.SplitBlockFilter
	ids   int
	whole bool // made holds every id there was at the beginning
	done  chan struct{}
}

func newFilters(budget int64, least int) filters {
	return filters{budget: budget, least: least, seed: maphash.MakeSeed(), epochs: map[uint32]*filter{}}
}

func blocksFor(room int) int { return bloom.NumSplitBlocksOf(int64(room), bitsPerID) }

func bytesFor(room int) int64 { return int64(blocksFor(room)) * bloom.BlockSize }

func newBloom(room int) bloom.SplitBlockFilter {
	return make(bloom.SplitBlockFilter, blocksFor(room)) // room is positive
}

// sumOf is what filters know of the id of a key, in whatever epoch.
func sumOf(seed maphash.Seed, key []byte) uint64 { return maphash.Bytes(seed, key[epochKeyLen:]) }

// begin makes the filter of an epoch that holds no ids yet.
func (f *filters) begin(epoch uint32) {
	if f.epochs[epoch] != nil {
		return
	}
	x := &filter{}
	f.epochs[epoch] = x
	f.grow(x)
}

// grow gives a filter a layer more, if there is memory for it.
func (f *filters) grow(x *filter) {
	room := max(f.least, x.ids/2)
	if f.used()+bytesFor(room) <= f.budget {
		x.layers = append(x.layers, layer{bloom: newBloom(room), room: room})
	}
}

// maybe is false when the id of that sum is not remembered in the epoch.
func (f *filters) maybe(epoch uint32, sum uint64) bool {
	x := f.epochs[epoch]
	if x == nil || len(x.layers) == 0 {
		return true
	}
	for i := range x.layers {
		if x.layers[i].bloom.Check(sum) {
			return true
		}
	}
	return false
}

// add takes an id that is remembered from now on.
func (f *filters) add(epoch uint32, sum uint64) {
	x := f.epochs[epoch]
	if x == nil {
		return
	}
	x.ids++
	if n := len(x.layers); n > 0 {
		last := &x.layers[n-1]
		last.bloom.Insert(sum)
		if last.ids++; last.ids == last.room {
			f.grow(x)
		}
	}
	if f.build != nil && f.build.epoch == epoch {
		f.build.since = append(f.build.since, sum)
	}
}

// forget drops the filter of an epoch.
func (f *filters) forget(epoch uint32) { delete(f.epochs, epoch) }

func (f *filters) used() (bytes int64) {
	for _, x := range f.epochs {
		for i := range x.layers {
			bytes += bytesFor(x.layers[i].room)
		}
	}
	if f.build != nil {
		bytes += bytesFor(f.build.room)
	}
	return bytes
}

// built is closed when the filter that is being built is finished.
func (f *filters) built() <-chan struct{} {
	if f.build == nil {
		return nil
	}
	return f.build.done
}

// tend takes over a filter that is finished, and begins the next one.
func (f *filters) tend(o *opening) error {
	if b := f.build; b != nil {
		select {
		case <-b.done:
		default:
			return nil
		}
		f.build = nil
		f.take(b)
	}
	for epoch, x := range f.epochs {
		if n := len(x.layers); n > 0 {
			switch last := &x.layers[n-1]; {
			case last.ids > 2*last.room: // of little use, and there is no memory for more
				x.layers = nil
			case last.ids > last.room:
				f.grow(x)
			}
			continue
		}
		if room := max(f.least, x.ids+x.ids/8); f.used()+bytesFor(room) <= f.budget {
			return f.start(o, epoch, room)
		}
	}
	return nil
}

// take puts a finished filter in its place.
func (f *filters) take(b *build) {
	x := f.epochs[b.epoch]
	if x == nil || !b.whole {
		return
	}
	b.made.InsertBulk(b.since)
	x.ids = b.ids + len(b.since)
	x.layers = []layer{{bloom: b.made, ids: x.ids, room: b.room}}
	if x.ids >= b.room {
		f.grow(x)
	}
}

// start builds a filter of all ids that an epoch holds now.
func (f *filters) start(o *opening, epoch uint32, room int) error {
	ids, err := o.db.NewIter(&pebble.IterOptions{LowerBound: epochKey(epoch), UpperBound: epochKey(epoch + 1)})
	if err != nil {
		return fmt.Errorf("read ids: %w", err)
	}
	b := &build{epoch: epoch, room: room, seed: f.seed, made: newBloom(room), done: make(chan struct{})}
	f.build = b
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
