package journal

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

const (
	maxGroup      = 256      // batches in one commit
	maxGroupBytes = 16 << 20 // compressed bytes after which no further batch joins a commit
	expireEvery   = time.Hour
	diskEvery     = time.Second // how often the free space is asked for
	diskReserve   = 64 << 20    // bytes that are left to compactions and to the operator
)

// state is what the committer knows without asking the disk.
type state struct {
	last    uint64             // the last sequence number given
	trimmed uint64             // blocks up to here are gone
	counts  map[string]*Counts // by application; InFlight is not used
	epochs  map[uint32]bool    // those that hold ids

	diskAsked time.Time
	diskFull  bool

	group   map[groupID]bool // ids of the commit being put together
	touched map[string]bool  // its applications
	key     []byte           // scratch
}

type groupID struct {
	app string
	id  id
}

// commit is the committer: the only goroutine that writes blocks, ids and counters.
func (j *Journal) commit() {
	defer close(j.committed)
	expire := time.NewTicker(expireEvery)
	defer expire.Stop()
	j.expire()
	for {
		select {
		case p := <-j.queue:
			if p.scrub {
				p.err = j.rewrite()
				close(p.done)
				continue
			}
			j.commitGroup(j.gather(p))
		case <-expire.C:
			j.expire()
		case <-j.stop:
			return
		}
		if j.Err() != nil {
			return
		}
	}
}

// gather takes what waits along with p, and so shares one sync among it.
func (j *Journal) gather(p *pending) []*pending {
	group := []*pending{p}
	size := len(p.packed)
	for len(group) < maxGroup && size < maxGroupBytes {
		select {
		case p := <-j.queue:
			group = append(group, p)
			size += len(p.packed)
		default:
			return group
		}
	}
	return group
}

func (j *Journal) commitGroup(group []*pending) {
	if j.full() {
		group = slices.DeleteFunc(group, refuse)
	}
	if len(group) == 0 {
		return
	}
	if err := j.write(group); err != nil {
		j.fail(err) // answers everyone who waits, now and later
		return
	}
	j.tail.move(j.commits.last)
	for _, p := range group {
		close(p.done)
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

// write puts the group on the disk. After an error memory and disk may differ.
func (j *Journal) write(group []*pending) (err error) {
	st := &j.commits
	clear(st.group)
	clear(st.touched)
	bounds := &pebble.IterOptions{LowerBound: []byte{idPrefix}, UpperBound: []byte{idPrefix + 1}, UseL6Filters: true}
	ids, err := j.db.NewIter(bounds)
	if err != nil {
		return fmt.Errorf("read ids: %w", err)
	}
	w := writer{state: st, ids: ids, batch: j.db.NewBatch()}
	defer func() {
		err = closeAll(err, w.ids, w.batch)
	}()
	for _, p := range group {
		if err := w.add(p); err != nil {
			return err
		}
	}
	if err := w.counters(); err != nil {
		return err
	}
	if err := w.batch.Set(lastSeqKey, binary.BigEndian.AppendUint64(nil, st.last), nil); err != nil {
		return err
	}
	return j.db.Apply(w.batch, pebble.Sync)
}

// full asks for the free space now and then. Where a file system cannot tell,
// there is space.
func (j *Journal) full() bool {
	st := &j.commits
	now := j.clock()
	if now.Sub(st.diskAsked).Abs() < diskEvery {
		return st.diskFull
	}
	st.diskAsked = now
	usage, err := j.fs.GetDiskUsage(j.dir)
	full := err == nil && usage.AvailBytes < diskReserve
	if full != st.diskFull {
		j.log.Warn("the journal's disk is almost full, or has space again", "full", full, "dir", j.dir, "free_bytes", usage.AvailBytes)
	}
	st.diskFull = full
	return full
}

// writer puts one commit together.
type writer struct {
	*state
	ids   *pebble.Iterator
	batch *pebble.Batch
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
	if w.group[g] {
		return true, nil
	}
	now, longest := b.ReceivedAt, b.ReceivedAt.Add(maxMemory)
	for e := epochOf(now); e <= epochOf(longest); e++ {
		if !w.epochs[e] {
			continue
		}
		w.key = appendIDKey(w.key[:0], e, b.App, d)
		if !w.ids.SeekPrefixGE(w.key) {
			if err := w.ids.Error(); err != nil {
				return false, fmt.Errorf("read ids: %w", err)
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
	w.key = appendIDKey(w.key[:0], e, b.App, d)
	value := binary.BigEndian.AppendUint64(nil, uint64(until.UnixMicro())) // read back as int64
	return false, w.batch.Set(w.key, value, nil)
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
func (j *Journal) expire() {
	now := epochOf(j.clock())
	passed := uint32(0)
	for e := range j.commits.epochs {
		if e < now {
			passed = max(passed, e+1)
			delete(j.commits.epochs, e)
		}
	}
	if passed == 0 {
		return
	}
	if err := j.db.DeleteRange(epochKey(0), epochKey(passed), pebble.NoSync); err != nil {
		j.fail(fmt.Errorf("forget expired ids: %w", err))
	}
}
