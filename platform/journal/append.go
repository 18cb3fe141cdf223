package journal

import (
	"context"
	"fmt"
	"time"
)

// sameBatch is how long a batch that arrives byte for byte again is the same one.
const sameBatch = 24 * time.Hour

// pending is a batch on its way to the disk. Its goroutine waits in Append; the
// committer owns it from the queue until it answers.
type pending struct {
	batch   Batch
	ids     []id   // of the entries, in order
	packed  []byte // all entries, compressed
	keep    []bool // the entries that are new; nil: all
	fresh   int    // how many are new
	advance uint64 // not a batch: move the sequence numbers past this one
	trim    uint64 // not a batch: forget the blocks up to this one
	scrub   bool   // not a batch, and alone: rewrite the files

	receipt Receipt
	err     error
	done    chan struct{} // closed by the committer
}

// Append returns when the batch, its ids and its counters are on disk, in one
// commit that it may share with others. A repeated entry or batch is counted,
// not stored. Once the batch is handed over ctx is no longer asked, so that an
// error of ctx means: not written.
//
// Errors: ErrFull and ErrClosed mean that nothing was written; after ErrFailed
// that is unknown.
func (j *Journal) Append(ctx context.Context, b Batch) (Receipt, error) {
	if len(b.App) == 0 || len(b.App) > 255 {
		return Receipt{}, fmt.Errorf("append to journal: application %q: must have 1 to 255 bytes", b.App)
	}
	if size := packedFrom(b.Entries); size > maxBlock {
		return Receipt{}, fmt.Errorf("append to journal: a batch of %d bytes: at most %d are kept together", size, maxBlock)
	}
	p := &pending{batch: b, ids: make([]id, len(b.Entries)), done: make(chan struct{})}
	for i := range b.Entries {
		if e := &b.Entries[i]; e.ID != "" {
			p.ids[i] = newID(e.Kind, e.ID)
		}
	}
	p.packed = encodeEntries(b.Entries, nil)
	if err := j.submit(ctx, p); err != nil {
		return Receipt{}, err
	}
	return p.receipt, nil
}

// Advance makes the next block's sequence number greater than seq. A store that
// knows later numbers than a journal that was lost or restored calls for it.
func (j *Journal) Advance(ctx context.Context, seq uint64) error {
	return j.submit(ctx, &pending{advance: seq, done: make(chan struct{})})
}

// Trim forgets the blocks up to and including upTo.
func (j *Journal) Trim(ctx context.Context, upTo uint64) error {
	return j.submit(ctx, &pending{trim: upTo, done: make(chan struct{})})
}

func (j *Journal) submit(ctx context.Context, p *pending) error {
	if err := j.use(); err != nil {
		return err
	}
	defer j.release()
	select {
	case j.queue <- p:
	case <-ctx.Done():
		return fmt.Errorf("write to journal: %w", ctx.Err())
	case <-j.failed:
		return j.Err()
	}
	select {
	case <-p.done:
		return p.err
	case <-j.failed:
		return j.Err()
	}
}
