package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

const (
	memTableBytes = 48 << 20 // also bounds what is replayed after a crash
	// cacheBytes holds the filters of the remembered ids, besides the memtables,
	// which Pebble takes from it.
	cacheBytes   = 160 << 20
	walSyncBytes = 1 << 20
	// A commit waits while there are so many memtables, or so many files over one
	// another that are not compacted yet. Reads of ids are few (see filter), so that
	// the files may be many; memtables stay within the cache.
	maxMemTables = 3
	maxL0Files   = 96
	// Ids come in no order: each compaction writes much of a level again, and few
	// reads gain by it. Rather there are many files in the first level, and one large
	// level below it. Pebble compacts from half of this on; until then what was not
	// trimmed yet when the files were written takes space, too.
	compactL0From = 24
	baseBytes     = 1 << 30
	fileBytes     = 16 << 20
	// flushTrims bounds how long the space of trimmed blocks stays taken.
	flushTrims = 30 * time.Second
)

// opening is the journal's files from when they were opened until they are closed,
// or the disk fails.
type opening struct {
	j     *Journal
	fence *fence
	db    *pebble.DB
	queue chan *pending

	written  chan written   // from the committer to who waits for the disk; closed by the committer
	building sync.WaitGroup // who reads ids for a filter

	stop      chan struct{} // closed by close after the last append: ends the committer
	committed chan struct{} // closed when the committer has ended

	failOnce sync.Once
	failed   chan struct{} // closed when the disk failed
	failure  error         // set before failed is closed

	leave sync.Once // lets go of a failed Pebble

	commits state // owned by the committer
	backlog backlog
}

// openFiles opens the files and begins to commit.
func (j *Journal) openFiles() (*opening, error) {
	o := &opening{
		j:         j,
		fence:     &fence{FS: j.FS},
		queue:     make(chan *pending, maxGroup),
		written:   make(chan written),
		stop:      make(chan struct{}),
		committed: make(chan struct{}),
		failed:    make(chan struct{}),
	}
	if err := o.open(); err != nil {
		o.fence.close()
		return nil, err
	}
	if j.ReadOnly {
		close(o.committed)
		return o, nil
	}
	go o.commit()
	return o, nil
}

// open runs in a goroutine of its own because Pebble ends the goroutine in which
// it finds a fatal error (see pebbleLog).
func (o *opening) open() error {
	options := &pebble.Options{
		FS:                 o.fence,
		Logger:             pebbleLog{o},
		FormatMajorVersion: pebble.FormatNewest,
		MemTableSize:       memTableBytes,
		Cache:              o.j.cache,
		WALBytesPerSync:    walSyncBytes,

		MemTableStopWritesThreshold: maxMemTables,
		L0StopWritesThreshold:       maxL0Files,
		L0CompactionThreshold:       compactL0From,
		LBaseMaxBytes:               baseBytes,
		FlushDelayDeleteRange:       flushTrims,
		ReadOnly:                    o.j.ReadOnly,
		ErrorIfNotExists:            o.j.ReadOnly,
		EventListener: &pebble.EventListener{
			// Whoever reads gets an error as well; without this it would be a fatal one.
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				o.j.Logger.Error("a file of the journal is damaged", "path", info.Path, "error", info.Details)
			},
		},
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		options.TargetFileSizes[i] = fileBytes << i
	}
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = ErrFailed // unless what follows returns
		db, opened := pebble.Open(o.j.dir, options)
		if opened != nil {
			err = opened
			return
		}
		o.db = db
		if recalled := o.recall(); recalled != nil {
			err = errors.Join(recalled, db.Close())
			return
		}
		err = nil
	}()
	<-done
	if err != nil {
		return errors.Join(err, o.err())
	}
	return nil
}

// close needs all appends to have ended.
func (o *opening) close() error {
	close(o.stop)
	select {
	case <-o.committed:
	case <-o.failed:
	}
	if err := o.err(); err != nil {
		o.abandon()
		return err
	}
	return o.db.Close()
}

// abandon lets go of a Pebble that has failed: it changes no file any more. It is
// asked to close, which it does only if its failure left it able to.
func (o *opening) abandon() {
	o.leave.Do(func() {
		o.fence.close()
		go func() {
			defer func() { _ = recover() }() // it may be in any state
			<-o.committed                    // nor does it like to be closed under somebody
			if err := o.db.Close(); err != nil {
				o.j.Logger.Debug("the failed journal did not close cleanly", "error", err)
			}
		}()
	})
}

// err is nil, or wraps ErrFailed once failed is closed.
func (o *opening) err() error {
	select {
	case <-o.failed:
		return o.failure
	default:
		return nil
	}
}

func (o *opening) fail(err error) {
	o.failOnce.Do(func() {
		o.failure = fmt.Errorf("%w: %w", ErrFailed, err)
		o.j.Logger.Error("the journal has failed: nothing is accepted until it is opened again", "dir", o.j.dir, "error", err)
		close(o.failed)
	})
}

// pebbleLog hands Pebble's log on. Pebble expects Fatalf not to return: it marks
// the opening as failed and ends the goroutine, never the process.
type pebbleLog struct{ o *opening }

func (l pebbleLog) Infof(format string, args ...any) {
	l.log().Debug("pebble: " + fmt.Sprintf(format, args...))
}

func (l pebbleLog) Errorf(format string, args ...any) {
	l.log().Warn("pebble: " + fmt.Sprintf(format, args...))
}

func (l pebbleLog) Fatalf(format string, args ...any) {
	l.o.fail(fmt.Errorf(format, args...))
	runtime.Goexit()
}

func (l pebbleLog) log() *slog.Logger { return l.o.j.Logger }
