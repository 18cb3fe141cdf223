package queue

import (
	"log/slog"
	"maps"
	"slices"
	"time"
)

// reportEvery is the least time between two reports of losses.
const reportEvery = time.Minute

// report logs what was dropped and rejected: the first at once, then at most
// once a minute what came since. It has a goroutine to itself, so that a log
// that hangs holds up nobody.
func (q *Queue) report() {
	var told Stats
	for {
		select {
		case <-q.lost:
		case <-q.closing:
			q.tell(&told)
			return
		}
		if !q.tell(&told) {
			continue
		}
		pause := time.NewTimer(reportEvery)
		select {
		case <-pause.C:
		case <-q.closing:
			pause.Stop()
		}
	}
}

// tell logs the losses since told, and reports whether there were any.
func (q *Queue) tell(told *Stats) bool {
	now := q.Stats()
	dropped := since(now.Dropped, told.Dropped)
	rejected := since(now.Rejected, told.Rejected)
	if len(dropped) > 0 {
		dropped = append(dropped, slog.Int64("queued", now.Queued), slog.Int64("queued_bytes", now.QueuedBytes))
		if q.keeper != nil {
			dropped = append(dropped, slog.Int64("spooled", now.Spooled), slog.Int64("spooled_bytes", now.SpooledBytes))
		}
		q.o.Logger.Warn("moesif: events dropped", dropped...)
	}
	if len(rejected) > 0 {
		q.o.Logger.Warn("moesif: events rejected by the collector", rejected...)
	}
	failures := now.SpoolErrors - told.SpoolErrors
	*told = now
	if failures > 0 {
		q.o.Logger.Warn("moesif: the spool cannot be written: events stay in memory, it is tried again",
			slog.String("spool_dir", q.o.Spool.Dir), slog.Int64("failures", failures), slog.Any("error", now.spoolError))
	}
	return len(dropped)+len(rejected) > 0 || failures > 0
}

// since is what the counters grew by, as attributes in the order of their names.
func since(now, then map[string]int64) []any {
	var attrs []any
	for _, reason := range slices.Sorted(maps.Keys(now)) {
		if n := now[reason] - then[reason]; n > 0 {
			attrs = append(attrs, slog.Int64(reason, n))
		}
	}
	return attrs
}
