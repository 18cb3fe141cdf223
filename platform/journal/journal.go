package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Errors a caller can act on.
var (
	// ErrClosed: the journal was closed.
	ErrClosed = errors.New("journal is closed")
	// ErrFailed: the disk failed under the journal. Whether running appends landed
	// is unknown, nothing more is accepted; Reopen recovers.
	ErrFailed = errors.New("journal has failed")
	// ErrFull: less than 64 MiB are left on the disk; nothing was written.
	ErrFull = errors.New("journal: the disk is almost full: free some space or move the data directory")
	// ErrBehind: too much waits for the event store; nothing was written.
	ErrBehind = errors.New("journal: too much waits to be loaded into the event store")
)

// Options of a Journal. The zero value is usable.
type Options struct {
	Clock     func() time.Time // says what has expired, and when to ask for free space; time.Now when nil
	Logger    *slog.Logger     // slog.Default() when nil
	FS        vfs.FS           // the disk when nil; tests cut its power
	MaxBehind int64            // bytes on disk that may wait to be trimmed; 0: 4 GiB
	ReadOnly  bool             // only to be looked at: nothing can be appended, nothing is changed

	filters     int64 // bytes that the filters of ids may take; 0: filterBytes
	leastFilter int   // ids that the smallest has room for; 0: minFilter
}

// Journal is safe for concurrent use.
type Journal struct {
	Options
	dir   string
	cache *pebble.Cache
	lock  io.Closer
	disk  disk

	// open is held for reading by whoever uses the files, and for writing by Reopen
	// and Close.
	open   sync.RWMutex
	closed bool // guarded by open

	// current is the present opening; stored with open held for writing.
	current atomic.Pointer[opening]

	closeCalled atomic.Bool
	closing     chan struct{} // closed by Close: wakes those in Wait

	tail tail
}

// Open opens or creates the journal in dir, which one process at a time may use.
func Open(dir string, o Options) (*Journal, error) {
	o.filters, o.leastFilter = cmp.Or(o.filters, filterBytes), cmp.Or(o.leastFilter, minFilter)
	j := &Journal{Options: o, dir: dir, closing: make(chan struct{})}
	if j.FS == nil {
		j.FS = vfs.Default
	}
	if j.Clock == nil {
		j.Clock = time.Now
	}
	if j.Logger == nil {
		j.Logger = slog.Default()
	}
	if j.MaxBehind == 0 {
		j.MaxBehind = defaultMaxBehind
	}
	j.disk = disk{fs: j.FS, dir: dir, clock: j.Clock, log: j.Logger}
	if err := j.begin(); err != nil {
		return nil, fmt.Errorf("open journal in %s: %w", dir, err)
	}
	return j, nil
}

func (j *Journal) begin() (err error) {
	if !j.ReadOnly {
		if err := j.FS.MkdirAll(j.dir, 0o700); err != nil {
			return err
		}
	}
	if j.lock, err = j.FS.Lock(j.FS.PathJoin(j.dir, "LOCK")); err != nil {
		return err
	}
	j.cache = pebble.NewCache(cacheBytes)
	opened, err := j.openFiles()
	if err != nil {
		j.cache.Unref()
		return errors.Join(err, j.lock.Close())
	}
	j.current.Store(opened)
	j.tail.move(opened.commits.last)
	return nil
}

// Close waits for running appends and closes the files. A failed journal is
// left as it is, for the next Open to recover.
func (j *Journal) Close() error {
	if !j.closeCalled.CompareAndSwap(false, true) {
		return ErrClosed
	}
	close(j.closing)
	j.open.Lock()
	defer j.open.Unlock()
	j.closed = true
	err := j.current.Load().close()
	j.cache.Unref()
	if err = errors.Join(err, j.lock.Close()); err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}

// Reopen opens a failed journal again, as Open does after a crash: what was
// acknowledged is there, and of what was not either all or nothing. It does
// nothing when the journal has not failed; after an error it may be tried again.
func (j *Journal) Reopen() error {
	j.open.Lock()
	defer j.open.Unlock()
	if j.closed {
		return ErrClosed
	}
	failed := j.current.Load()
	if failed.err() == nil {
		return nil
	}
	failed.abandon()
	opened, err := j.openFiles()
	if err != nil {
		return fmt.Errorf("open journal in %s again: %w", j.dir, err)
	}
	j.current.Store(opened)
	j.tail.move(opened.commits.last)
	return nil
}

// Failed returns a channel that is closed when the disk fails under the present
// opening of the journal: Err says how, and Reopen is due.
func (j *Journal) Failed() <-chan struct{} { return j.current.Load().failed }

// Err is nil, or wraps ErrFailed while the journal is failed.
func (j *Journal) Err() error { return j.current.Load().err() }

// Ready is nil while there is space for more; otherwise it wraps ErrFailed,
// ErrFull, ErrBehind or ErrClosed.
func (j *Journal) Ready() error {
	if err := j.use(); err != nil {
		return err
	}
	defer j.release()
	if waiting := j.current.Load().backlog.bytes.Load(); waiting >= j.MaxBehind {
		return fmt.Errorf("%w: %d bytes of at most %d", ErrBehind, waiting, j.MaxBehind)
	}
	if j.disk.full() {
		return ErrFull
	}
	return nil
}

// Waiting is how many bytes on disk are not trimmed yet, about.
func (j *Journal) Waiting() int64 { return j.current.Load().backlog.bytes.Load() }

// use takes the files; release must be called when it returns nil.
func (j *Journal) use() error {
	if !j.open.TryRLock() {
		if err := j.Err(); err != nil {
			return err // it is being opened again, which may take a while
		}
		j.open.RLock()
	}
	err := j.Err()
	if j.closed {
		err = ErrClosed
	}
	if err != nil {
		j.open.RUnlock()
	}
	return err
}

func (j *Journal) release() { j.open.RUnlock() }

// tail is the last sequence number, and who waits for the next one.
type tail struct {
	mu   sync.Mutex
	last uint64
	next chan struct{} // closed when last moves; nil while nobody waits
}

func (t *tail) move(last uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// Only what is on disk gets here, so that opening the files again goes back behind
	// none of it; a sync that an opening waited for until then must not either.
	t.last = max(t.last, last)
	if t.next != nil {
		close(t.next)
		t.next = nil
	}
}

func (t *tail) get() (last uint64, next <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == nil {
		t.next = make(chan struct{})
	}
	return t.last, t.next
}

// Last returns the sequence number of the newest block, 0 in a new journal.
func (j *Journal) Last() uint64 {
	last, _ := j.tail.get()
	return last
}

// Wait returns nil when there is a block after the given one, and an error when
// ctx ends or the journal closes or fails first.
func (j *Journal) Wait(ctx context.Context, after uint64) error {
	for {
		failed := j.Failed()
		last, next := j.tail.get()
		if last > after {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		case <-j.closing:
			return ErrClosed
		case <-failed:
			if err := j.Err(); err != nil {
				return err
			}
		}
	}
}
