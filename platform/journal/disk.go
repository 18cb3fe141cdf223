package journal

import (
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	diskEvery   = time.Second // how often the free space is asked for
	diskReserve = 64 << 20    // bytes that are left to compactions and to the operator
)

// disk knows whether there is space.
type disk struct {
	fs    vfs.FS
	dir   string
	clock func() time.Time
	log   *slog.Logger

	mu    sync.Mutex
	asked time.Time // guarded by mu
	low   bool      // guarded by mu
}

// full asks for the free space now and then. Where a file system cannot tell,
// there is space.
func (d *disk) full() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock()
	if now.Sub(d.asked).Abs() < diskEvery {
		return d.low
	}
	d.asked = now
	usage, err := d.fs.GetDiskUsage(d.dir)
	low := err == nil && usage.AvailBytes < diskReserve
	if low != d.low {
		d.log.Warn("the journal's disk is almost full, or has space again", "full", low, "dir", d.dir, "free_bytes", usage.AvailBytes)
	}
	d.low = low
	return low
}
