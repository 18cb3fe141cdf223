package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
)

// maxReadBytes bounds the memory of one Read, in bytes of entries.
const maxReadBytes = 32 << 20

// Read returns the blocks after a sequence number, oldest first: as many as hold
// maxEvents entries or 32 MiB together, the last one whole, and at least one if
// there is one. Only what is on disk is read: Pebble shows a commit before it is
// synced, and a store that has a block which a power cut takes away would count
// its events twice.
func (j *Journal) Read(after uint64, maxEvents int) (blocks []Block, err error) {
	if err := j.use(); err != nil {
		return nil, err
	}
	defer j.release()
	last := j.Last()
	snap := j.current.Load().db.NewSnapshot()
	defer func() { err = closeAll(err, snap) }()
	events, size := 0, 0
	err = eachHead(snap, after, func(seq uint64, h head) (bool, error) {
		if seq > last {
			return false, nil
		}
		v, done, err := snap.Get(seqKey(blockPrefix, seq))
		if err != nil {
			return false, fmt.Errorf("read block %d: %w", seq, err)
		}
		entries, err := decodeEntries(v, h.entries)
		if err = closeAll(err, done); err != nil {
			return false, fmt.Errorf("read block %d: %w", seq, err)
		}
		for i := range entries {
			size += len(entries[i].Data)
		}
		blocks = append(blocks, Block{Seq: seq, App: h.app, ReceivedAt: h.receivedAt, Entries: entries})
		events += len(entries)
		return events < maxEvents && size < maxReadBytes, nil
	})
	return blocks, err
}

// Books returns the counters of every application that sent something, all of
// one moment. InFlight is counted from the blocks after the given one.
func (j *Journal) Books(ctx context.Context, after uint64) (books map[string]Counts, err error) {
	if err := j.use(); err != nil {
		return nil, err
	}
	defer j.release()
	snap := j.current.Load().db.NewSnapshot()
	defer func() { err = closeAll(err, snap) }()
	books, err = readCounts(snap)
	if err != nil {
		return nil, err
	}
	err = eachHead(snap, after, func(_ uint64, h head) (bool, error) {
		c := books[h.app]
		c.InFlight += int64(h.entries)
		books[h.app] = c
		return true, ctx.Err()
	})
	return books, err
}

func readCounts(r pebble.Reader) (map[string]Counts, error) {
	books := map[string]Counts{}
	err := each(r, []byte{counterPrefix}, []byte{counterPrefix + 1}, func(k, v []byte) (bool, error) {
		app, rest, ok := cutApp(k[1:])
		if !ok || len(rest) == 0 || len(v) != 8 {
			return false, fmt.Errorf("counter %q: %w", k, errCorrupt)
		}
		c := books[app]
		if c.Rejected == nil {
			c.Rejected = map[string]int64{}
		}
		n := int64(binary.BigEndian.Uint64(v)) // written from int64
		switch rest[0] {
		case receivedCounter:
			c.Received = n
		case duplicateCounter:
			c.Duplicate = n
		case rejectedCounter:
			c.Rejected[string(rest[1:])] = n
		}
		books[app] = c
		return true, nil
	})
	return books, err
}

// eachHead calls f for the heads of the blocks after the given one, in order,
// until f returns false.
func eachHead(r pebble.Reader, after uint64, f func(seq uint64, h head) (bool, error)) error {
	return each(r, seqKey(headPrefix, after+1), []byte{headPrefix + 1}, func(k, v []byte) (bool, error) {
		if len(k) != 9 {
			return false, fmt.Errorf("block %x: %w", k, errCorrupt)
		}
		seq := binary.BigEndian.Uint64(k[1:])
		h, err := decodeHead(v)
		if err != nil {
			return false, fmt.Errorf("block %d: %w", seq, err)
		}
		return f(seq, h)
	})
}

func each(r pebble.Reader, from, to []byte, f func(k, v []byte) (bool, error)) (err error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	defer func() { err = closeAll(err, it) }()
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		if more, err := f(it.Key(), v); err != nil || !more {
			return err
		}
	}
	return nil
}

// closeAll closes, and joins what went wrong. An iterator's error comes out of its Close.
func closeAll(err error, closers ...io.Closer) error {
	for _, c := range closers {
		err = errors.Join(err, c.Close())
	}
	return err
}

// recall reads what the committer keeps in memory.
func (o *opening) recall() error {
	books, err := readCounts(o.db)
	if err != nil {
		return err
	}
	st := &o.commits
	*st = state{counts: map[string]*Counts{}, epochs: map[uint32]bool{}, group: map[groupID]bool{}, touched: map[string]bool{}, filter: newFilter(o.j.filters, o.j.leastFilter)}
	for app, c := range books {
		st.counts[app] = &c
	}
	v, done, err := o.db.Get(lastSeqKey)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
	case err != nil:
		return err
	default:
		if len(v) == 8 {
			st.last = binary.BigEndian.Uint64(v)
		}
		if err := done.Close(); err != nil {
			return err
		}
	}
	st.trimmed = st.last
	err = eachHead(o.db, 0, func(seq uint64, _ head) (bool, error) {
		st.trimmed = seq - 1
		return false, nil
	})
	if err != nil {
		return err
	}
	if err := o.recallBacklog(); err != nil {
		return err
	}
	return o.recallEpochs()
}

// recallBacklog estimates what is there: the logs were replayed into tables just now.
func (o *opening) recallBacklog() error {
	st := &o.commits
	if st.trimmed == st.last {
		return nil
	}
	bytes, err := o.db.EstimateDiskUsage(seqKey(blockPrefix, st.trimmed+1), seqKey(blockPrefix, st.last+1))
	if err != nil {
		return err
	}
	o.backlog.add(st.last, max(int64(bytes), segmentBytes)) // bytes of a disk
	return nil
}

// recallEpochs finds out which epochs hold ids, with one seek each.
func (o *opening) recallEpochs() (err error) {
	it, err := o.db.NewIter(&pebble.IterOptions{LowerBound: []byte{idPrefix}, UpperBound: []byte{idPrefix + 1}})
	if err != nil {
		return err
	}
	defer func() { err = closeAll(err, it) }()
	for ok := it.First(); ok; {
		k := it.Key()
		if len(k) < 5 {
			return fmt.Errorf("id %x: %w", k, errCorrupt)
		}
		e := binary.BigEndian.Uint32(k[1:])
		o.commits.epochs[e] = true
		bytes, err := o.db.EstimateDiskUsage(epochKey(e), epochKey(e+1))
		if err != nil {
			return err
		}
		o.commits.filter.ids += int(bytes / idBytes) // bytes of a disk
		ok = it.SeekGE(epochKey(e + 1))
	}
	return nil
}
