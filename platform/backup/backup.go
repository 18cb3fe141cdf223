package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/journal"
	"github.com/gatemeter/gatemeter/platform/load"
	"github.com/gatemeter/gatemeter/platform/state"
)

// staged is how the directories begin in which copies are put together.
const staged = "backup-"

// Errors a caller can act on.
var (
	// ErrBusy: another backup is being made.
	ErrBusy = errors.New("a backup is being made: wait for it to end")
	// ErrNoSpace: the copy does not fit on the disk beside the original.
	ErrNoSpace = errors.New("there is not enough space for a copy")
)

// Source is what a backup copies; all fields are required.
type Source struct {
	Dir     string // the data directory
	State   *state.DB
	Events  *events.Store
	Journal *journal.Journal
	Loader  *load.Loader
	Clock   func() time.Time
	Version string // of gatemeter
}

// Backups makes backups of a platform that runs, one at a time.
type Backups struct {
	Source
	making sync.Mutex
}

// New removes what an interrupted backup has left.
func New(s Source) (*Backups, error) {
	left, err := filepath.Glob(filepath.Join(s.Dir, staged+"*"))
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return nil, fmt.Errorf("backup: %w", err)
		}
	}
	return &Backups{Source: s}, nil
}

// Copy is the data of one moment. It must be closed.
type Copy struct {
	of  *Backups
	dir string
	at  time.Time
}

// Take copies the data into a directory of its own beside it: everything that
// was acknowledged before is in it. Nothing is refused meanwhile; loading waits
// while the event store is copied, which needs as much space again.
//
// Errors wrap ErrBusy or ErrNoSpace where the caller can do something.
func (b *Backups) Take(ctx context.Context) (c *Copy, err error) {
	if !b.making.TryLock() {
		return nil, ErrBusy
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("backup: %w", err)
			if c != nil {
				err = errors.Join(err, os.RemoveAll(c.dir))
			}
			b.making.Unlock()
			c = nil
		}
	}()
	if err := b.fits(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.Dir, staged) // 0700
	if err != nil {
		return nil, err
	}
	c = &Copy{of: b, dir: dir, at: b.Clock().UTC()}
	err = b.Loader.Hold(func() error {
		if err := b.Events.CopyTo(ctx, filepath.Join(dir, "events.duckdb")); err != nil {
			return err
		}
		return b.Journal.CopyTo(ctx, filepath.Join(dir, "journal"))
	})
	if err != nil {
		return c, err
	}
	// Last: whatever the events are about is in it.
	return c, b.State.CopyTo(ctx, filepath.Join(dir, "state.db"))
}

func (b *Backups) fits() error {
	size, err := b.Events.Size()
	if err != nil {
		return err
	}
	free, ok := b.Journal.Free()
	if need := uint64(max(0, size)) + journal.Reserve; ok && free < need {
		return fmt.Errorf("%w: it needs %d MB beside the original, the disk has %d", ErrNoSpace, need>>20, free>>20)
	}
	return nil
}

// WriteTo writes the copy as an archive.
func (c *Copy) WriteTo(ctx context.Context, w io.Writer) error {
	if err := pack(ctx, c.dir, Manifest{Version: c.of.Version, CreatedAt: c.at}, w); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

// Close removes the copy.
func (c *Copy) Close() error {
	defer c.of.making.Unlock()
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

// Pack writes the files of a data directory that nobody uses as an archive.
func Pack(ctx context.Context, dir, version string, at time.Time, w io.Writer) error {
	if _, err := os.Stat(filepath.Join(dir, "state.db")); err != nil {
		return fmt.Errorf("backup: %s holds no data of a platform: %w", dir, err)
	}
	if err := pack(ctx, dir, Manifest{Version: version, CreatedAt: at.UTC()}, w); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}
