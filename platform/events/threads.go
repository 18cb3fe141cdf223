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
)

// share takes half of its threads from DuckDB while much is loaded. Who waits for
// another of its threads keeps a processor busy, and what collects needs these.
// It needs loading, and no transaction of the writer.
func (s *Store) share(ctx context.Context, events int) {
	if events < busyLoad || s.o.Threads < 2 {
		return
	}
	if s.calm == nil {
		s.setThreads(ctx, s.o.Threads/2)
		s.calm = time.AfterFunc(calmAfter, s.spread)
		return
	}
	s.calm.Reset(calmAfter)
}

// spread gives DuckDB all its threads.
func (s *Store) spread() {
	s.loading.Lock()
	defer s.loading.Unlock()
	_ = s.do(func() error { // a store that was opened again has them
		if s.calm != nil {
			s.calm = nil
			s.setThreads(context.Background(), s.o.Threads)
		}
		return nil
	})
}

func (s *Store) setThreads(ctx context.Context, n int) {
	// A setting takes no bound value.
	text := strings.ReplaceAll(statement("threads"), "{threads}", strconv.Itoa(n))
	if _, err := s.writer.ExecContext(ctx, text); err != nil {
		s.log.Warn("DuckDB's threads could not be set", "path", s.path, "threads", n, "error", err)
	}
}
