// Package load moves what the journal accepted into the event store, and tells
// who was seen. It also keeps the books of the platform.
package load

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/failpoint"
	"github.com/gatemeter/gatemeter/platform/journal"
)

const (
	// pause is the least time between the beginnings of two loads, unless one
	// could not take all there was: a small load costs nearly as much as a large one.
	pause = 300 * time.Millisecond
	// trimEvery is how often blocks are deleted that are in the store's file, while
	// there is always something to load; restEvery while there is not.
	trimEvery = 10 * time.Second
	restEvery = 4 * time.Second
	// syncEvery bounds how long what is stored stays in the journal too, where it
	// comes so slowly that the store sees no reason to write its file.
	syncEvery = time.Hour
	// syncWait is how long loading stands still for it while somebody reads.
	syncWait = time.Second

	// forgetEvery is how often Forget asks how far the store is.
	forgetEvery = 50 * time.Millisecond

	minBackOff = 200 * time.Millisecond
	maxBackOff = 10 * time.Second
)

// What a Seen is about.
const (
	User    = "user"
	Company = "company"
)

// Seen says that a user or company made calls or did something.
type Seen struct {
	Kind        string // User or Company
	ID          string
	First, Last time.Time
	Company     string // of a user: the company of the last call that named one; or ""
}

// SeenSink keeps first and last seen. It is told before the events are in the
// store, and may be told the same again: it keeps the earliest First, the latest
// Last, and the Company of the latest.
type SeenSink interface {
	Seen(ctx context.Context, app string, seen []Seen) error
	// Flush writes what Seen may have kept in memory. What is in the store is not
	// deleted from the journal before.
	Flush(ctx context.Context) error
	// SeenAgain is told after a restart what Seen was told of what is in the store
	// and was not deleted from the journal: Last of it may not have been written.
	SeenAgain(ctx context.Context, app string, seen []Seen) error
}

// Store is where events go. DuckDB's (events.Store) keeps the position in the
// transaction of the rows; a store without such transactions passes over what it
// has by sequence number.
type Store interface {
	// Load stores blocks in the order of their sequence numbers, which come next after
	// the given one, and passes over those it has. After an error Reopen and Position
	// say how much landed.
	Load(ctx context.Context, after uint64, blocks []events.Block) error
	// Room is how many rows a load should bring at most that follows on one of these blocks.
	Room(blocks []events.Block) int
	// Position is the sequence number of the last block stored.
	Position(ctx context.Context) (uint64, error)
	// Synced is that of the last block a crash does not take.
	Synced() uint64
	// Sync returns when this is all that was stored.
	Sync(ctx context.Context) error
	// Reopen brings back a store that gave up.
	Reopen(ctx context.Context) error
	// Ready is nil while it answers.
	Ready() error
	// Books counts what is stored, at one moment.
	Books(ctx context.Context) (events.Books, error)
}

var _ Store = (*events.Store)(nil)

// Loader moves blocks from the journal to the store.
type Loader struct {
	journal *journal.Journal
	store   Store
	seen    SeenSink
	log     *slog.Logger
	weights *Weights         // nil: weights stay as they are sent
	loaded  func(app string) // nil: nobody is told

	// trimming is held by who trims, and for reading by who counts what is
	// between store and journal.
	trimming sync.RWMutex

	position uint64    // of the store; owned by Run
	trimmed  uint64    // owned by Run
	synced   time.Time // when the store was last seen to be; owned by Run
	ahead    *piece    // what comes after position, when that was read already; owned by Run
}

// New makes a loader. It must be called before anything is appended to the
// journal, because a journal that knows less than the store (lost, or restored
// from a backup) must go on behind the store's position.
func New(j *journal.Journal, s Store, seen SeenSink, logger *slog.Logger) (*Loader, error) {
	if logger == nil {
		logger = slog.Default()
	}
	l := &Loader{journal: j, store: s, seen: seen, log: logger}
	var err error
	if l.position, err = s.Position(context.Background()); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	if last := j.Last(); last < l.position {
		logger.Warn("the journal is older than the event store: it goes on behind the store's position", "journal", last, "store", l.position)
		if err := j.Advance(context.Background(), l.position); err != nil {
			return nil, fmt.Errorf("load: %w", err)
		}
	}
	return l, nil
}

// CorrectWeights lets w correct what is loaded. It is called before Run.
func (l *Loader) CorrectWeights(w *Weights) { l.weights = w }

// OnLoaded sets who is told, after each load, of which applications there is more
// in the store now. It must be called before Run, and f must be quick.
func (l *Loader) OnLoaded(f func(app string)) { l.loaded = f }

// Run loads until ctx ends, and returns nil then; otherwise the journal's error
// when that was closed. A failing store is opened again and again; a failed
// journal is waited for, until somebody has opened it. One Run at a time.
func (l *Loader) Run(ctx context.Context) error {
	trim := time.NewTicker(trimEvery)
	defer trim.Stop()
	backOff := minBackOff
	if err := l.sayAgain(ctx); err != nil { // what was loaded before a crash
		return fmt.Errorf("load: %w", err)
	}
	if err := l.trim(ctx); err != nil {
		l.log.Warn("what is loaded could not be trimmed from the journal", "error", err)
	}
	for {
		err := l.wait(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // to be stopped is no error
		case errors.Is(err, journal.ErrClosed):
			return fmt.Errorf("load: %w", err)
		}
		again := time.NewTimer(pause)
		var more bool
		if err == nil {
			more, err = l.step(ctx)
		}
		switch {
		case ctx.Err() != nil:
			again.Stop()
			return nil
		case errors.Is(err, journal.ErrFailed): // whoever opens it again tells about it
		case err != nil:
			l.log.Error("loading events failed and will be tried again", "error", err, "in", backOff)
			again.Reset(backOff)
			backOff = min(2*backOff, maxBackOff)
		default:
			backOff = minBackOff
			if more {
				again.Reset(0)
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return nil
		}
		select {
		case <-trim.C:
			if err := l.trim(ctx); err != nil {
				l.log.Warn("what is loaded could not be trimmed from the journal", "error", err)
			}
		default:
		}
	}
}

// wait returns nil when there is something to load. What is loaded is trimmed while
// there is nothing: a journal that has no space for more waits for that.
func (l *Loader) wait(ctx context.Context) error {
	for l.position != l.trimmed {
		waiting, cancel := context.WithTimeout(ctx, restEvery)
		err := l.journal.Wait(waiting, l.position)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		if err := l.trim(ctx); err != nil {
			l.log.Warn("what is loaded could not be trimmed from the journal", "error", err)
		}
	}
	return l.journal.Wait(ctx, l.position)
}

// piece is what one load takes from the journal.
type piece struct {
	blocks []events.Block // none when there is nothing
	more   bool           // there was more than one load takes
	err    error
}

// step makes one load; more is true when it could not take all there is.
func (l *Loader) step(ctx context.Context) (more bool, err error) {
	if l.store.Ready() != nil { // what the last load did is not known yet
		if err := l.recover(ctx); err != nil {
			return false, err
		}
	}
	next := l.ahead
	l.ahead = nil
	if next == nil {
		next = l.prepare(ctx, l.position, l.store.Room(nil))
	}
	if next.err != nil || len(next.blocks) == 0 {
		return false, next.err
	}
	failpoint.Hit("load.seen")
	if l.weights != nil {
		if err := l.weights.Correct(ctx, l.position, l.store.Synced(), next.blocks); err != nil {
			return false, err
		}
	}
	failpoint.Hit("load.weighed")
	last := next.blocks[len(next.blocks)-1].Seq
	// While the store works on this piece, the one behind it is made ready, if there
	// was something to put into it.
	ready := make(chan *piece, 1)
	if next.more {
		room := l.store.Room(next.blocks)
		go func() { ready <- l.prepare(ctx, last, room) }()
	}
	err = l.store.Load(ctx, l.position, next.blocks)
	var ahead *piece
	if next.more {
		ahead = <-ready
	}
	if err != nil {
		return false, errors.Join(err, l.recover(ctx))
	}
	failpoint.Hit("load.stored")
	l.position = last
	if ahead != nil && ahead.err == nil {
		l.ahead = ahead
	}
	l.tell(next.blocks)
	return next.more, nil
}

func (l *Loader) tell(blocks []events.Block) {
	if l.loaded == nil {
		return
	}
	told := map[string]bool{}
	for i := range blocks {
		if app := blocks[i].App; !told[app] {
			told[app] = true
			l.loaded(app)
		}
	}
}

// prepare reads and decodes what comes after a sequence number, so many rows or a
// little more, and tells who is in it.
func (l *Loader) prepare(ctx context.Context, after uint64, room int) *piece {
	there := l.journal.Last()
	blocks, err := l.journal.Read(after, room)
	if err != nil || len(blocks) == 0 {
		return &piece{err: err}
	}
	failpoint.Hit("load.read")
	p := &piece{blocks: l.decode(blocks), more: blocks[len(blocks)-1].Seq < there}
	for app, seen := range whoWasSeen(p.blocks) {
		if err := l.seen.Seen(ctx, app, seen); err != nil {
			return &piece{err: fmt.Errorf("tell who was seen: %w", err)}
		}
	}
	return p
}

// recover opens the store again, and finds out what is in it.
func (l *Loader) recover(ctx context.Context) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the load was interrupted, not the store
	}
	if err := l.store.Reopen(ctx); err != nil {
		return err
	}
	position, err := l.store.Position(ctx)
	if err != nil {
		return err
	}
	l.position, l.ahead = position, nil
	l.log.Info("the event store was opened again", "position", position)
	return nil
}

// Hold runs f while nothing is deleted from the journal: what f finds missing in
// the store is still there.
func (l *Loader) Hold(f func() error) error {
	l.trimming.RLock()
	defer l.trimming.RUnlock()
	return f()
}

// Forget waits until everything that was accepted before is in the store, and
// deletes it from the journal; its bytes stay in the journal's files until these
// are rewritten (journal.Scrub). It needs a Run that goes on.
func (l *Loader) Forget(ctx context.Context) error {
	upTo := l.journal.Last()
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		position, err := l.store.Position(ctx)
		if err == nil && position >= upTo {
			break
		}
		select { // a store that is down is opened again by Run
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("load: wait for what was accepted: %w", errors.Join(ctx.Err(), err))
		}
	}
	if err := l.store.Sync(ctx); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	l.trimming.Lock()
	defer l.trimming.Unlock()
	if err := l.seen.Flush(ctx); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return l.journal.Trim(ctx, upTo)
}

// trim deletes from the journal what is in the store for good.
func (l *Loader) trim(ctx context.Context) error {
	if l.position == l.trimmed {
		return nil
	}
	if err := l.sync(ctx); err != nil {
		return err
	}
	upTo := l.store.Synced()
	if upTo <= l.trimmed {
		return nil
	}
	l.trimming.Lock()
	defer l.trimming.Unlock()
	if err := l.seen.Flush(ctx); err != nil {
		return err
	}
	failpoint.Hit("load.trimming")
	if err := l.journal.Trim(ctx, upTo); err != nil {
		return err
	}
	failpoint.Hit("load.trimmed")
	l.trimmed = upTo
	return nil
}

// sync has the store write what it has had for long, and sooner where the journal
// has no space for more.
func (l *Loader) sync(ctx context.Context) error {
	if l.store.Synced() > l.trimmed {
		l.synced = time.Now()
		return nil
	}
	if time.Since(l.synced) < syncEvery && l.journal.Ready() == nil {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, syncWait)
	defer cancel()
	err := l.store.Sync(waiting)
	if errors.Is(err, context.DeadlineExceeded) { // an export may take minutes: the next trim tries it again
		return nil
	}
	l.synced = time.Now()
	return err
}
