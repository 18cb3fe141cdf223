package events

import (
	"context"
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
	if s.calm == nil {
		s.work(ctx, max(1, s.o.Threads/2), 0)
		s.calm = time.AfterFunc(calmAfter, s.spread)
		return
	}
	s.calm.Reset(calmAfter)
}

// spread gives DuckDB all its threads, and lets checkpoints join row groups.
func (s *Store) spread() {
	s.loading.Lock()
	defer s.loading.Unlock()
	_ = s.do(func() error { // a store that was opened again has them
		if s.calm != nil {
			s.calm = nil
			s.work(context.Background(), s.o.Threads, joins)
		}
		return nil
	})
}

// work says how DuckDB works.
func (s *Store) work(ctx context.Context, threads, joins int) {
	// A setting takes no bound value.
	marks := strings.NewReplacer("{threads}", strconv.Itoa(threads), "{joins}", strconv.Itoa(joins))
	if _, err := s.writer.ExecContext(ctx, marks.Replace(statement("working"))); err != nil {
		s.log.Warn("DuckDB's settings could not be changed", "path", s.path, "threads", threads, "joins", joins, "error", err)
	}
}
