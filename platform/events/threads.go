package events

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// busyLoad is how many events a load brings while much is sent: some thousands
	// a second.
	busyLoad = 2_000
	// calmAfter is how long after the last such load DuckDB has all its threads again.
	calmAfter = 3 * time.Second
	// joins is how many groups of rows a checkpoint packs together, as DuckDB does
	// unless it is told otherwise.
	joins = 100
)

// share takes half of its threads from DuckDB while much is loaded. Who waits for
// another of its threads keeps a processor busy, and what collects needs these. Nor
// does a checkpoint join row groups, for which loads would wait: with the few rows of a
// quiet time it packs three full groups once more. What is deleted whole goes in any case.
// It needs loading, and no transaction of the writer.
func (s *Store) share(ctx context.Context, events int) {
	if events < busyLoad {
		return
	}
	if s.calm != nil {
		s.calm.Reset(calmAfter)
		return
	}
	s.calm = time.AfterFunc(calmAfter, s.spread)
	if err := s.settle(ctx); err != nil {
		s.log.Warn("loading could not take threads from DuckDB", "path", s.path, "error", err)
	}
}

// spread gives DuckDB all its threads, and lets checkpoints join row groups.
func (s *Store) spread() {
	s.loading.Lock()
	defer s.loading.Unlock()
	err := s.do(func() error {
		if s.calm == nil { // a store that was opened again has them
			return nil
		}
		s.calm = nil
		return s.settle(context.Background())
	})
	if err != nil && !errors.Is(err, ErrDown) {
		s.log.Warn("DuckDB could not be given back its threads", "path", s.path, "error", err)
	}
}

// settle says how DuckDB works, by what is loaded and what rows there are.
func (s *Store) settle(ctx context.Context) error {
	threads, tasks := s.o.Threads, joins
	if s.calm != nil {
		threads = max(1, threads/2)
	}
	if s.calm != nil || s.checkpoints.heavy.Load() > 0 {
		tasks = 0
	}
	// A setting takes no bound value.
	marks := strings.NewReplacer("{threads}", strconv.Itoa(threads), "{joins}", strconv.Itoa(tasks))
	if _, err := s.writer.ExecContext(ctx, marks.Replace(statement("working"))); err != nil {
		return fmt.Errorf("event store: %w", err)
	}
	return nil
}
