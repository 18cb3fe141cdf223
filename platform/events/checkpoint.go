package events

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/gatemeter/gatemeter/platform/failpoint"
)

const (
	// rowGroup is how many rows DuckDB compresses together.
	rowGroup = 122_880
	// maxUnsynced is after how many bytes of events a checkpoint is made before a
	// row group is full: they are in memory, and in the journal, until then.
	maxUnsynced = 256 << 20
	// rowBytes is what an event takes besides its texts, about.
	rowBytes = 300
)

// syncRows is how many rows more are written into the file together.
var syncRows = failpoint.Often(rowGroup)

// checkpoints says what of the store is in its file. DuckDB keeps no log of it: what
// was loaded since the last checkpoint is in the journal, and is loaded again after a
// crash.
type checkpoints struct {
	making sync.Mutex    // held while one is made; after loading
	synced atomic.Uint64 // sequence number of the last block that is in the file
	due    atomic.Bool   // the last one failed
	others sync.WaitGroup

	// Since the last one began, of the row group that is not full yet; guarded by loading.
	rows  int
	bytes int64
}

// loaded begins a checkpoint once the rows fill a row group. A group that is filled
// in part is unpacked, and compressed again, by the next checkpoint: at any other
// moment each row would be compressed several times. Loads go on meanwhile, until
// there is as much again. It needs loading, and the file to be open.
func (s *Store) loaded(blocks []Block) {
	c := &s.checkpoints
	for i := range blocks {
		c.rows += len(blocks[i].Events)
		for k := range blocks[i].Events {
			c.bytes += rowBytes + textBytes(&blocks[i].Events[k])
		}
	}
	if c.rows < syncRows && c.bytes < maxUnsynced && !c.due.Load() {
		return
	}
	if !c.making.TryLock() {
		if c.rows < 2*syncRows && c.bytes < 2*maxUnsynced {
			return
		}
		c.making.Lock()
	}
	upTo, opening := blocks[len(blocks)-1].Seq, s.opening
	c.rows %= syncRows
	c.bytes = 0
	c.others.Go(func() {
		defer c.making.Unlock()
		err := s.do(func() error {
			if s.opening != opening { // what is open now may not have these blocks
				return nil
			}
			return s.checkpoint(context.Background(), upTo)
		})
		if err != nil { // nothing is lost: the next load tries it again
			s.log.Warn("the event store could not be written into its file", "path", s.path, "error", err)
		}
	})
}

// Sync returns when everything that was loaded is in the file.
func (s *Store) Sync(ctx context.Context) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	return s.sync(ctx)
}

// sync needs loading.
func (s *Store) sync(ctx context.Context) error {
	c := &s.checkpoints
	c.making.Lock()
	defer c.making.Unlock()
	return s.do(func() error {
		upTo, err := readPosition(ctx, s.writer)
		if err != nil {
			return err
		}
		if err := s.checkpoint(context.WithoutCancel(ctx), upTo); err != nil {
			return err
		}
		c.rows %= syncRows
		c.bytes = 0
		return nil
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
	return nil
}

// measureUnsynced returns how many rows are in the last row group, about.
func measureUnsynced(ctx context.Context, db *sql.DB) (int, error) {
	var rows int
	if err := db.QueryRowContext(ctx, statement("rows")).Scan(&rows); err != nil {
		return 0, fmt.Errorf("event store: %w", err)
	}
	return rows % syncRows, nil
}
