package events

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/platform/failpoint"
)

const (
	// rowGroup is how many rows DuckDB compresses together: a multiple of its vectors.
	// With half of its default, loads wait half as long for a checkpoint, half as much is
	// in memory until then, and a list unpacks less for a row; an event takes some
	// bytes more.
	rowGroup = 30 * 2048
	// LoadRows is how many rows a load should bring at most: so much room a row group
	// has left when it is written. What comes after a checkpoint goes into a row group of
	// its own, and DuckDB joins groups that are less than three quarters full: it
	// compresses them again, and those beside them.
	LoadRows = 10_000
	// duringRows is the same for a load that is made ready while a checkpoint is written:
	// the row group is its own.
	duringRows = 3 * LoadRows
	// maxUnsynced is after how many bytes of events a checkpoint is made before a
	// row group is full: they are in memory, and in the journal, until then.
	maxUnsynced = 192 << 20
	// syncAgain is how often Sync tries while somebody reads what was before a change.
	syncAgain = 100 * time.Millisecond
)

// syncRows is how many rows are written into the file together.
var syncRows = failpoint.Often(rowGroup - LoadRows)

// checkpoints says what of the store is in its file. DuckDB keeps no log of it: what
// was loaded since the last checkpoint is in the journal, and is loaded again after a
// crash.
type checkpoints struct {
	making sync.Mutex    // held while one is made; after loading
	synced atomic.Uint64 // sequence number of the last block that is in the file
	due    atomic.Bool   // the last one failed
	others sync.WaitGroup

	unsynced bulk         // what came since the last one began; guarded by loading
	heavy    atomic.Int64 // up to this block there are rows that are too large to be joined; 0: none
}

// loaded begins a checkpoint once the next load may not find room in the row group.
// A load is made ready meanwhile, and commits once DuckDB lets go of the tables. It
// needs loading, and the file to be open.
func (s *Store) loaded(blocks []Block) {
	c := &s.checkpoints
	c.unsynced.add(blocks)
	if !c.unsynced.fills(1) && !c.due.Load() {
		return
	}
	if !c.making.TryLock() {
		if !c.unsynced.fills(2) {
			return
		}
		c.making.Lock()
	}
	upTo := blocks[len(blocks)-1].Seq
	if err := s.weigh(context.Background(), upTo); err != nil {
		s.log.Warn("the event store could not be written into its file", "path", s.path, "error", err)
		c.due.Store(true)
		c.making.Unlock()
		return
	}
	s.aside("the event store could not be written into its file", func(ctx context.Context) error { return s.checkpoint(ctx, upTo) })
}

// Room is how many rows a load should bring at most that follows on one of these blocks.
func (s *Store) Room(blocks []Block) int {
	s.loading.Lock()
	defer s.loading.Unlock()
	if s.checkpoints.unsynced.events.rows+rowsOf(blocks) < syncRows {
		return LoadRows
	}
	return duringRows
}

// aside runs f on the file that is open now, beside loads as far as DuckDB lets them:
// they wait for a checkpoint of what they append to. It needs making, and lets go of
// it in the end. Nothing is lost when f fails: it is tried again.
func (s *Store) aside(failed string, f func(ctx context.Context) error) {
	opening := s.opening
	s.checkpoints.others.Go(func() {
		defer s.checkpoints.making.Unlock()
		err := s.do(func() error {
			if s.opening != opening { // what is open now may not have the same blocks
				return nil
			}
			return f(context.Background())
		})
		if err != nil && !isBusy(err) {
			s.log.Warn(failed, "path", s.path, "error", err)
		}
	})
}

// Sync returns when everything that was loaded is in the file. It waits for those who
// began to read before the last change, for as long as ctx lasts.
func (s *Store) Sync(ctx context.Context) error {
	again := time.NewTicker(syncAgain)
	defer again.Stop()
	for {
		err := s.sync(ctx)
		if !isBusy(err) {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

func (s *Store) sync(ctx context.Context) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	return s.syncHeld(ctx)
}

// syncHeld needs loading.
func (s *Store) syncHeld(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx) // how it ends is what was tried, not when
	c := &s.checkpoints
	c.making.Lock()
	defer c.making.Unlock()
	return s.do(func() error {
		upTo, err := readPosition(ctx, s.writer)
		if err != nil {
			return err
		}
		if err := s.weigh(ctx, upTo); err != nil {
			return err
		}
		return s.checkpoint(ctx, upTo)
	})
}

// Synced is the sequence number of the last block that is in the file: what comes
// behind it must not be deleted from the journal.
func (s *Store) Synced() uint64 { return s.checkpoints.synced.Load() }

// checkpoint has DuckDB write into the file what is there, of which blocks up to upTo
// are a part. It needs making.
func (s *Store) checkpoint(ctx context.Context, upTo uint64) error {
	failpoint.Hit("events.folding")
	if _, err := s.folder.ExecContext(ctx, statement("checkpoint")); err != nil {
		s.checkpoints.due.Store(true)
		return fmt.Errorf("checkpoint: %w", err)
	}
	failpoint.Hit("events.folded")
	s.checkpoints.due.Store(false)
	s.checkpoints.synced.Store(upTo)
	giveBack()
	return nil
}
