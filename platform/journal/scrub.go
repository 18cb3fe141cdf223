package journal

import (
	"context"
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
	if j.closed {
		return ErrClosed
	}
	o := j.current.Load()
	if err := o.err(); err != nil {
		return err
	}
	if err := o.compact(); err != nil {
		return fmt.Errorf("scrub the journal: %w", err)
	}
	// Opening deletes the logs that Pebble would otherwise write over some time.
	err := o.close()
	var opened *opening
	if err == nil {
		opened, err = j.openFiles()
	}
	if err != nil {
		o.fail(fmt.Errorf("open it again: %w", err)) // Reopen is due
		return fmt.Errorf("scrub the journal: %w", err)
	}
	j.current.Store(opened)
	j.tail.move(opened.commits.last)
	return nil
}

// compact rewrites the files in which blocks that were trimmed may be.
func (o *opening) compact() error {
	if err := o.db.Flush(); err != nil {
		return err
	}
	for _, prefix := range []byte{blockPrefix, headPrefix} {
		if err := o.db.Compact(context.Background(), []byte{prefix}, []byte{prefix + 1}, false); err != nil {
			return err
		}
	}
	return nil
}
