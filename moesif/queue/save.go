package queue

import (
	"fmt"

	"github.com/gatemeter/gatemeter/moesif/queue/spool"
)

// Saved is what waits on disk for the next Open.
type Saved struct {
	Events int64
	Dir    string // "" without a spool
}

// Save ends the queue's life, after Close, which it calls if need be: what is
// left is written to the spool and synced, and the spool is free for another
// process. Nothing must be taken or settled any more. Without a spool it only
// closes. The error says how many events could not be kept, and why. A second
// Save returns the same.
func (q *Queue) Save() (Saved, error) {
	q.Close()
	k := q.keeper
	if k == nil {
		return Saved{}, nil
	}
	k.save.Do(func() {
		q.mu.Lock()
		for !q.line.ended || q.line.unsealed > 0 {
			q.moved.Wait()
		}
		q.mu.Unlock()
		close(k.finish)
		<-k.done
	})
	return k.saved, k.err
}

// end writes all that is left.
func (k *keeper) end() {
	err := k.moveAll()
	if err != nil {
		k.fail(err)
		err = k.moveAll() // a new file may work where the old one did not
	}
	if err != nil {
		k.fail(err)
	}
	full := k.full
	if closing := k.log.Close(); err == nil {
		err = closing
	}
	s := k.q.Stats()
	k.saved = Saved{Events: s.Spooled, Dir: k.dir}
	switch lost := s.Queued - s.Spooled; {
	case lost > 0 && full:
		k.err = fmt.Errorf("queue: %d events could not be kept in %s: %w: raise spool_max_bytes", lost, k.dir, spool.ErrFull)
	case lost > 0:
		k.err = fmt.Errorf("queue: %d events could not be kept in %s: %w", lost, k.dir, err)
	case err != nil:
		k.err = fmt.Errorf("queue: spool in %s: some of what was delivered will be sent again: %w", k.dir, err)
	}
}

func (k *keeper) moveAll() error {
	for {
		more, err := k.move(all)
		if err != nil {
			return err
		}
		if err := k.commit(); err != nil {
			return err
		}
		if !more || k.full {
			return k.log.Trim()
		}
	}
}
