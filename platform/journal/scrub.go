package journal

import (
	"context"
	"errors"
	"fmt"
)

// Scrub rewrites the journal's files so that nothing of the blocks that were
// trimmed stays in any of them, Pebble's logs included. Appends wait meanwhile:
// the journal is closed and opened again.
func (j *Journal) Scrub(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("scrub the journal: %w", err)
	}
	// Nobody reads, and no append is under way: those hold open for reading.
	j.open.Lock()
	defer j.open.Unlock()
	err := j.Err()
	if j.closed {
		err = ErrClosed
	}
	if err != nil {
		return err
	}
	p := &pending{scrub: true, done: make(chan struct{})}
	j.queue <- p // it is empty
	select {
	case <-p.done:
	case <-j.failed:
		return j.Err()
	}
	if p.err != nil {
		return fmt.Errorf("scrub the journal: %w", p.err)
	}
	return nil
}

// rewrite is done by the committer, while nobody else uses the files. Opening
// deletes the logs that Pebble would otherwise write over some time.
func (j *Journal) rewrite() error {
	if err := j.db.Flush(); err != nil {
		return err
	}
	for _, prefix := range []byte{blockPrefix, headPrefix} {
		if err := j.db.Compact(context.Background(), []byte{prefix}, []byte{prefix + 1}, false); err != nil {
			return err
		}
	}
	err := j.db.Close()
	if err == nil {
		err = j.openDB()
	}
	if err == nil {
		err = j.recall()
	}
	if err != nil {
		j.fail(errors.Join(errors.New("open it again"), err))
	}
	return err
}
