package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// maxFaults bounds how many faults of one kind are told apart.
const maxFaults = 10

// Checked is what Verify found.
type Checked struct {
	Last    uint64   // the last sequence number
	Blocks  int64    // that are not trimmed
	Entries int64    // in them
	IDs     int64    // remembered, hashes of batches among them
	Faults  []string // what is wrong
}

// Verify reads everything that is in the journal and tells what does not fit
// together. It takes as long as reading the files does.
func (j *Journal) Verify(ctx context.Context) (c Checked, err error) {
	if err := j.use(); err != nil {
		return Checked{}, err
	}
	defer j.release()
	// In a goroutine of its own, which Pebble ends when it finds a fatal error.
	done := make(chan struct{})
	err = ErrFailed
	go func() {
		defer close(done)
		v := verifier{ctx: ctx, db: j.current.Load().db}
		v.all()
		c, err = v.Checked, ctx.Err()
	}()
	<-done
	return c, errors.Join(err, j.Err())
}

type verifier struct {
	Checked
	ctx   context.Context //nolint:containedctx // lives as long as one call of Verify
	db    *pebble.DB
	found map[string]int // faults by format
}

func (v *verifier) fault(format string, args ...any) {
	if v.found == nil {
		v.found = map[string]int{}
	}
	v.found[format]++
	switch n := v.found[format]; {
	case n < maxFaults:
		v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
	case n == maxFaults:
		v.Faults = append(v.Faults, fmt.Sprintf(format, args...)+" (there are more like this)")
	}
}

func (v *verifier) all() {
	if err := v.db.CheckLevels(nil); err != nil {
		v.fault("the files: %v", err)
	}
	v.last()
	v.blocks()
	v.each(blockPrefix, func(k, _ []byte) {
		if len(k) != 9 {
			v.fault("block %x: not a sequence number", k)
			return
		}
		if _, done, err := v.db.Get(seqKey(headPrefix, binary.BigEndian.Uint64(k[1:]))); err != nil {
			v.fault("block %d has no head: %v", binary.BigEndian.Uint64(k[1:]), err)
		} else if err := done.Close(); err != nil {
			v.fault("read: %v", err)
		}
	})
	v.each(idPrefix, func(k, value []byte) {
		v.IDs++
		app, rest, ok := cutApp(k[min(len(k), 6):])
		if !ok || app == "" || len(rest) != len(id{}.bytes) || len(value) != 8 {
			v.fault("remembered id %x: %v", k, errCorrupt)
		}
	})
	books, err := readCounts(v.db)
	if err != nil {
		v.fault("counters: %v", err)
	}
	for app, c := range books {
		if c.Received < 0 || c.Duplicate < 0 {
			v.fault("counters of %s: below zero: %+v", app, c)
		}
	}
}

func (v *verifier) last() {
	value, done, err := v.db.Get(lastSeqKey)
	switch {
	case errors.Is(err, pebble.ErrNotFound): // a new journal
		return
	case err != nil:
		v.fault("the last sequence number: %v", err)
		return
	case len(value) != 8:
		v.fault("the last sequence number: %d bytes", len(value))
	default:
		v.Last = binary.BigEndian.Uint64(value)
	}
	if err := done.Close(); err != nil {
		v.fault("read: %v", err)
	}
}

// blocks reads every block whole.
func (v *verifier) blocks() {
	err := eachHead(v.db, 0, func(seq uint64, h head) (bool, error) {
		v.Blocks++
		v.Entries += int64(h.entries)
		if seq > v.Last {
			v.fault("block %d is later than the last sequence number, %d", seq, v.Last)
		}
		if h.app == "" {
			v.fault("block %d: no application", seq)
		}
		value, done, err := v.db.Get(seqKey(blockPrefix, seq))
		if err != nil {
			v.fault("block %d: %v", seq, err)
			return true, v.ctx.Err()
		}
		if _, err := decodeEntries(value, h.entries); err != nil {
			v.fault("block %d: %v", seq, err)
		}
		if err := done.Close(); err != nil {
			v.fault("read: %v", err)
		}
		return true, v.ctx.Err()
	})
	if err != nil {
		v.fault("heads of blocks: %v", err)
	}
}

func (v *verifier) each(prefix byte, f func(k, value []byte)) {
	err := each(v.db, []byte{prefix}, []byte{prefix + 1}, func(k, value []byte) (bool, error) {
		f(k, value)
		return true, v.ctx.Err()
	})
	if err != nil {
		v.fault("keys %c: %v", prefix, err)
	}
}
