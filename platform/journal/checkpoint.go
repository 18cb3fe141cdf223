package journal

import (
	"context"
	"fmt"
	"time"

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
	if err := j.current.Load().db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("copy the journal: %w", err)
	}
	return nil
}

// Free is how many bytes the journal's disk has left; ok is false where the
// file system does not tell.
func (j *Journal) Free() (bytes uint64, ok bool) {
	usage, err := j.FS.GetDiskUsage(j.dir)
	return usage.AvailBytes, err == nil
}

// Size is how many bytes the journal takes on the disk.
func (j *Journal) Size() (bytes uint64, err error) {
	if err := j.use(); err != nil {
		return 0, err
	}
	defer j.release()
	return j.current.Load().db.Metrics().DiskSpaceUsage(), nil
}

// Oldest is when the first block after a sequence number was received; ok is false
// when there is none.
func (j *Journal) Oldest(after uint64) (received time.Time, ok bool, err error) {
	if err := j.use(); err != nil {
		return received, false, err
	}
	defer j.release()
	err = eachHead(j.current.Load().db, after, func(_ uint64, h head) (bool, error) {
		received, ok = h.receivedAt, true
		return false, nil
	})
	return received, ok, err
}

// Reserve is how many bytes must be free on the disk for the journal to take anything.
const Reserve = diskReserve
