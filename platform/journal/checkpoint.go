package journal

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// CopyTo makes the directory dir, on the same file system, and in it a journal
// that holds what this one holds at one moment: all that was acknowledged before.
// Files that do not change any more are shared, not copied. Appends go on.
func (j *Journal) CopyTo(_ context.Context, dir string) error {
	if err := j.use(); err != nil {
		return err
	}
	defer j.release()
	if err := j.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("copy the journal: %w", err)
	}
	return nil
}

// Free is how many bytes the journal's disk has left; ok is false where the
// file system does not tell.
func (j *Journal) Free() (bytes uint64, ok bool) {
	usage, err := j.fs.GetDiskUsage(j.dir)
	return usage.AvailBytes, err == nil
}

// Reserve is how many bytes must be free on the disk for the journal to take anything.
const Reserve = diskReserve
