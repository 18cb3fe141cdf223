package journal

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/gatemeter/gatemeter/platform/failpoint"
)

const (
	maxGroup      = 256      // batches in one commit
	maxGroupBytes = 16 << 20 // compressed bytes after which no further batch joins a commit
	manyIDs       = 4096     // ids that a commit rarely has
	expireEvery   = time.Hour
)

// state is what the committer knows without asking the disk.
type state struct {
	last    uint64             // the last sequence number given
	trimmed uint64             // blocks up to here are gone
	counts  map[string]*Counts // by application; InFlight is not used
	epochs  map[uint32]bool    // those that hold ids
	filter  filter

	group   map[groupID]bool // ids of the commit being put together
	touched map[string]bool  // its applications
	key     []byte           // scratch
	value   []byte           // scratch
}

type groupID struct {
	app string
	id  id
}

// commit is the committer: the only goroutine that writes blocks, ids and counters.
func (o *opening) commit() {
	defer close(o.committed)
	defer o.building.Wait()
	synced := make(chan struct{})
	go func() { defer close(synced); o.sync() }()
	defer func() { <-synced }()
	defer close(o.written)
	expire := time.NewTicker(expireEvery)
	defer expire.Stop()
	o.expire()
	for o.err() == nil {
		if err := o.commits.filter.tend(o); err != nil {
			o.fail(err)
			return
		}
		select {
		case p := <-o.queue:
			o.commitGroup(o.gather(p))
		case <-expire.C:
			o.expire()
		case <-o.commits.filter.built():
		case <-o.failed:
		case <-o.stop:
			return
		}
	}
}

// gather takes what waits along with p, and so shares one sync among it.
func (o *opening) gather(p *pending) []*pending {
	group := []*pending{p}
	size := len(p.packed)
	for len(group) < maxGroup && size < maxGroupBytes {
		select {
		case p := <-o.queue:
			group = append(group, p)
			size += len(p.packed)
		default:
			return group
		}
	}
	return group
}

func (o *opening) commitGroup(group []*pending) {
	if o.j.disk.full() {
		group = slices.DeleteFunc(group, refuse)
	}
	if len(group) == 0 {
		return
	}
	failpoint.Hit("journal.gathered")
	batch, err := o.write(group)
	if err != nil {
		o.fail(err) // answers everyone who waits, now and later
		return
	}
	select {
	case o.written <- written{group, batch, o.commits.last}:
	case <-o.failed:
	}
}

// written is a group on its way to the disk.
type written struct {
	group []*pending
	batch *pebble.Batch
	last  uint64 // the last sequence number given
}

// sync waits until groups are on the disk and answers them, in their order. The
// next one is put together meanwhile: it may find ids of this one, and is never on
// the disk without it, because both are in one log.
func (o *opening) sync() {
	for w := range o.written {
		if err := w.batch.SyncWait(); err != nil {
			o.fail(err)
			return
		}
		if err := w.batch.Close(); err != nil {
			o.fail(err)
			return
		}
		failpoint.Hit("journal.committed")
		o.j.tail.move(w.last)
		for _, p := range w.group {
			close(p.done)
		}
	}
}

// refuse answers a batch with ErrFull; what frees space goes on.
func refuse(p *pending) bool {
	if p.trim > 0 || p.advance > 0 {
		return false
	}
	p.err = ErrFull
	close(p.done)
	return true
}

// write puts the group into the log and shows it to readers; it is on the disk when
// the batch's SyncWait returns. After an error memory and disk may differ.
func (o *opening) write(group []*pending) (*pebble.Batch, error) {
	st := &o.commits
	if len(st.group) > manyIDs {
		st.group = map[groupID]bool{} // to clear it takes as long as it ever was large
	}
	clear(st.group)
	clear(st.touched)
	w := writer{state: st, db: o.db, batch: o.db.NewBatch(), backlog: &o.backlog}
	for _, p := range group {
		if err := w.add(p); err != nil {
			return nil, w.close(err)
		}
	}
	if err := w.counters(); err != nil {
		return nil, w.close(err)
	}
	if err := w.batch.Set(lastSeqKey, binary.BigEndian.AppendUint64(nil, st.last), nil); err != nil {
		return nil, w.close(err)
	}
	if err := w.close(nil); err != nil {
		return nil, err
	}
	if err := o.db.ApplyNoSyncWait(w.batch, pebble.Sync); err != nil {
		return nil, err
	}
	return w.batch, nil
}

// writer puts one commit together.
type writer struct {
	*state
	db      *pebble.DB
	ids     *pebble.Iterator // nil until an id has to be looked for
	batch   *pebble.Batch
	backlog *backlog
}

// close lets go of what was needed to put the commit together; after an error of
// the commit itself, too.
func (w *writer) close(err error) error {
	if w.ids != nil {
		err = closeAll(err, w.ids)
		w.ids = nil
	}
	if err != nil {
		err = closeAll(err, w.batch)
	}
	return err
}

// seek finds a key of an id; false when there is none.
func (w *writer) seek(key []byte) (found bool, err error) {
	if w.ids == nil {
		bounds := &pebble.IterOptions{LowerBound: []byte{idPrefix}, UpperBound: []byte{idPrefix + 1}, UseL6Filters: true}
		if w.ids, err = w.db.NewIter(bounds); err != nil {
			return false, fmt.Errorf("read ids: %w", err)
		}
	}
	if w.ids.SeekPrefixGE(key) {
		return true, nil
	}
	if err := w.ids.Error(); err != nil {
		return false, fmt.Errorf("read ids: %w", err)
	}
	return false, nil
}

func (w *writer) add(p *pending) error {
	if p.advance > 0 || p.trim > 0 {
		w.last = max(w.last, p.advance)
		return w.forget(p.trim)
	}
	if err := w.dedupe(p); err != nil {
		return err
	}
	p.receipt.Duplicates = len(p.batch.Entries) - p.fresh
	w.count(p)
	if p.fresh == 0 {
		return nil
	}
	if p.keep != nil {
		p.packed = encodeEntries(p.batch.Entries, p.keep)
	}
	w.last++
	p.receipt.Seq = w.last
	h := head{receivedAt: p.batch.ReceivedAt, entries: uint32(p.fresh), app: p.batch.App} // a request's entries
	if err := w.batch.Set(seqKey(headPrefix, w.last), appendHead(nil, h), nil); err != nil {
		return err
	}
	w.backlog.add(w.last, int64(len(p.packed)))
	return w.batch.Set(seqKey(blockPrefix, w.last), p.packed, nil)
}

// forget deletes the blocks up to the given one.
func (w *writer) forget(upTo uint64) error {
	if upTo <= w.trimmed {
		return nil
	}
	for _, prefix := range []byte{headPrefix, blockPrefix} {
		if err := w.batch.DeleteRange(seqKey(prefix, w.trimmed+1), seqKey(prefix, upTo+1), nil); err != nil {
			return err
		}
	}
	w.trimmed = upTo
	w.backlog.trim(upTo)
	return nil
}

// dedupe finds out which entries of p are new, and remembers them.
func (w *writer) dedupe(p *pending) error {
	b := &p.batch
	if b.Hash != [32]byte{} {
		known, err := w.remember(b, newBatchID(b.Hash), b.ReceivedAt.Add(sameBatch))
		if err != nil {
			return err
		}
		if known {
			return nil // nothing is fresh
		}
	}
	p.fresh = len(b.Entries)
	for i := range b.Entries {
		if b.Entries[i].ID == "" {
			continue
		}
		known, err := w.remember(b, p.ids[i], b.Entries[i].Until)
		if err != nil {
			return err
		}
		if !known {
			continue
		}
		if p.keep == nil {
			p.keep = make([]bool, len(b.Entries))
			for k := range p.keep {
				p.keep[k] = true
			}
		}
		p.keep[i] = false
		p.fresh--
	}
	return nil
}

// remember returns true when the id is remembered at the batch's arrival;
// otherwise it will be, until the given time or for the longest memory.
func (w *writer) remember(b *Batch, d id, until time.Time) (known bool, err error) {
	g := groupID{b.App, d}
	now, longest := b.ReceivedAt, b.ReceivedAt.Add(maxMemory)
	w.key = appendIDKey(w.key[:0], 0, b.App, d)
	sum := sumOf(w.filter.seed, w.key)
	maybe := w.filter.maybe(sum)
	// What this commit remembers is in the filter, too, unless it has expired.
	if (maybe || !until.After(now)) && w.group[g] {
		return true, nil
	}
	for e := epochOf(now); maybe && e <= epochOf(longest); e++ {
		if !w.epochs[e] {
			continue
		}
		if found, err := w.seek(inEpoch(w.key, e)); err != nil || !found {
			if err != nil {
				return false, err
			}
			continue
		}
		v, err := w.ids.ValueAndErr()
		if err != nil || len(v) != 8 {
			return false, fmt.Errorf("read id: value of %d bytes: %w", len(v), err)
		}
		if now.UnixMicro() < int64(binary.BigEndian.Uint64(v)) { // written from int64
			return true, nil
		}
	}
	w.group[g] = true
	if until.After(longest) {
		until = longest
	}
	if !until.After(now) {
		return false, nil
	}
	e := epochOf(until)
	w.epochs[e] = true
	w.filter.add(sum)
	w.value = binary.BigEndian.AppendUint64(w.value[:0], uint64(until.UnixMicro())) // read back as int64
	return false, w.batch.Set(inEpoch(w.key, e), w.value, nil)
}

func (w *writer) count(p *pending) {
	c := w.counts[p.batch.App]
	if c == nil {
		c = &Counts{Rejected: map[string]int64{}}
		w.counts[p.batch.App] = c
	}
	w.touched[p.batch.App] = true
	c.Received += int64(len(p.batch.Entries))
	c.Duplicate += int64(p.receipt.Duplicates)
	for reason, n := range p.batch.Rejected {
		c.Received += int64(n)
		c.Rejected[reason] += int64(n)
	}
}

func (w *writer) counters() error {
	set := func(app string, counter byte, reason string, n int64) error {
		return w.batch.Set(counterKey(app, counter, reason), binary.BigEndian.AppendUint64(nil, uint64(n)), nil) // read back as int64
	}
	for app := range w.touched {
		c := w.counts[app]
		if err := set(app, receivedCounter, "", c.Received); err != nil {
			return err
		}
		if err := set(app, duplicateCounter, "", c.Duplicate); err != nil {
			return err
		}
		for reason, n := range c.Rejected {
			if err := set(app, rejectedCounter, reason, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// expire forgets the ids of the epochs that have passed.
func (o *opening) expire() {
	now := epochOf(o.j.Clock())
	passed := uint32(0)
	for e := range o.commits.epochs {
		if e < now {
			passed = max(passed, e+1)
			delete(o.commits.epochs, e)
			o.commits.filter.stale = true
		}
	}
	if passed == 0 {
		return
	}
	if err := o.db.DeleteRange(epochKey(0), epochKey(passed), pebble.NoSync); err != nil {
		o.fail(fmt.Errorf("forget expired ids: %w", err))
	}
}
