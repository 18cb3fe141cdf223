package queue

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/gatemeter/gatemeter/moesif/queue/spool"
)

// recover opens the spool. What it holds comes first in the line; only its
// places are in memory.
func (q *Queue) recover(dir spool.FS) error {
	log, found, err := spool.Open(dir, q.o.Spool.MaxBytes, q.o.Logger)
	if err != nil {
		return fmt.Errorf("queue: spool_dir %s: %w", q.o.Spool.Dir, err)
	}
	q.keeper = newKeeper(q, log)
	// A number is never used again, not even when the spool is found empty.
	q.line.seq = max(found.LastSeq, uint64(time.Now().UnixNano()))
	q.books.damaged = found.Damaged
	for _, f := range found.Blocks {
		first := newBlock(q, f.Seq)
		s := first.sealed
		s.total, s.gzip, s.place, s.bytes = int32(f.Events), int32(f.Gzip), f.Place, blockOverhead
		q.bytes.Add(s.bytes)
		for i, run := range f.Left {
			b := first
			if i > 0 {
				b = &Block{sealed: s}
			}
			b.from, b.events, b.ready = int32(run.From), int32(run.Events), true
			s.events += b.events
			q.line.append(b)
		}
		q.books.spooled += int64(s.events)
	}
	q.books.recovered = q.books.spooled + q.books.damaged
	if q.books.recovered > 0 {
		q.o.Logger.Info("moesif: events of an earlier run are in the spool, they are sent first",
			slog.Int64("events", q.books.spooled), slog.Int64("bytes", log.Size()), slog.String("spool_dir", q.o.Spool.Dir))
	}
	return nil
}
