package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Errors a caller can act on.
var (
	// ErrClosed: the journal was closed.
	ErrClosed = errors.New("journal is closed")
	// ErrFailed: the disk failed under the journal. Whether running appends landed
	// is unknown, nothing more is accepted; opening the journal again recovers.
	ErrFailed = errors.New("journal has failed")
	// ErrFull: less than 64 MiB are left on the disk; nothing was written.
	ErrFull = errors.New("journal: the disk is almost full: free some space or move the data directory")
)

const (
	memTableBytes = 32 << 20 // also bounds what is replayed after a crash
	// cacheBytes holds the filters of the remembered ids, besides the memtables,
	// which Pebble takes from it.
	cacheBytes   = 192 << 20
	walSyncBytes = 1 << 20
	// flushTrims bounds how long the space of trimmed blocks stays taken.
	flushTrims = 30 * time.Second
)

// Options of a Journal. The zero value is usable.
type Options struct {
	Clock  func() time.Time // says what has expired, and when to ask for free space; time.Now when nil
	Logger *slog.Logger     // slog.Default() when nil
	FS     vfs.FS           // the disk when nil; tests cut its power
}

// Journal is safe for concurrent use.
type Journal struct {
	dir   string
	fs    vfs.FS
	clock func() time.Time
	log   *slog.Logger
	db    *pebble.DB
	queue chan *pending

	// open is held for reading by whoever uses db, and for writing by Close.
	open   sync.RWMutex
	closed bool // guarded by open

	closeCalled atomic.Bool

	closing   chan struct{} // closed by Close: wakes those in Wait
	stop      chan struct{} // closed by Close after the last append: ends the committer
	committed chan struct{} // closed when the committer has ended

	failOnce sync.Once
	failed   chan struct{} // closed when the disk failed
	failure  error         // set before failed is closed

	tail tail

	commits state // owned by the committer
}

// Open opens or creates the journal in dir, which one process at a time may use.
func Open(dir string, o Options) (*Journal, error) {
	j := &Journal{
		dir:       dir,
		fs:        o.FS,
		clock:     o.Clock,
		log:       o.Logger,
		queue:     make(chan *pending, maxGroup),
		closing:   make(chan struct{}),
		stop:      make(chan struct{}),
		committed: make(chan struct{}),
		failed:    make(chan struct{}),
	}
	if j.fs == nil {
		j.fs = vfs.Default
	}
	if j.clock == nil {
		j.clock = time.Now
	}
	if j.log == nil {
		j.log = slog.Default()
	}
	if err := j.openDB(); err != nil {
		return nil, fmt.Errorf("open journal in %s: %w", dir, err)
	}
	if err := j.recall(); err != nil {
		return nil, errors.Join(fmt.Errorf("read journal in %s: %w", dir, err), j.db.Close())
	}
	go j.commit()
	return j, nil
}

// openDB runs in a goroutine of its own because Pebble ends the goroutine in
// which it finds a fatal error (see pebbleLog).
func (j *Journal) openDB() error {
	o := &pebble.Options{
		FS:                    j.fs,
		Logger:                pebbleLog{j},
		FormatMajorVersion:    pebble.FormatNewest,
		MemTableSize:          memTableBytes,
		CacheSize:             cacheBytes,
		WALBytesPerSync:       walSyncBytes,
		FlushDelayDeleteRange: flushTrims,
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = ErrFailed
		j.db, err = pebble.Open(j.dir, o)
	}()
	<-done
	if err != nil {
		return errors.Join(err, j.Err())
	}
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
	close(j.stop)
	select {
	case <-j.committed:
	case <-j.failed:
		return j.Err()
	}
	if err := j.Err(); err != nil {
		return err
	}
	if err := j.db.Close(); err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}

// Failed is closed when the disk failed under the journal: Err says how.
// The process should end, and be started again.
func (j *Journal) Failed() <-chan struct{} { return j.failed }

// Err is nil, or wraps ErrFailed once Failed is closed.
func (j *Journal) Err() error {
	select {
	case <-j.failed:
		return j.failure
	default:
		return nil
	}
}

func (j *Journal) fail(err error) {
	j.failOnce.Do(func() {
		j.failure = fmt.Errorf("%w: %w", ErrFailed, err)
		j.log.Error("the journal has failed: nothing more is accepted until the platform is started again", "dir", j.dir, "error", err)
		close(j.failed)
	})
}

// use takes the files for reading; release must be called when it returns nil.
func (j *Journal) use() error {
	j.open.RLock()
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
	t.last = last
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
		case <-j.failed:
			return j.Err()
		}
	}
}

// pebbleLog hands Pebble's log on. Pebble expects Fatalf not to return: it marks
// the journal as failed and ends the goroutine, never the process.
type pebbleLog struct{ j *Journal }

func (l pebbleLog) Infof(format string, args ...any) {
	l.j.log.Debug("pebble: " + fmt.Sprintf(format, args...))
}

func (l pebbleLog) Errorf(format string, args ...any) {
	l.j.log.Warn("pebble: " + fmt.Sprintf(format, args...))
}

func (l pebbleLog) Fatalf(format string, args ...any) {
	l.j.fail(fmt.Errorf(format, args...))
	runtime.Goexit()
}
