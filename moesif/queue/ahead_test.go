package queue

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestEventsAreEncodedAsTheyArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, Options{BatchSize: 200, FlushAfter: time.Hour})
		var count atomic.Int64 // encoded, by the dispatcher alone: nothing is sealed
		put := func(n int) {
			for range n {
				it := item(0)
				it.encode = func() { count.Add(1) }
				q.Put(it)
			}
			synctest.Wait()
		}
		total := 0
		for _, n := range []int{1, 4, 1, 60, 2} {
			put(n)
			if encoded := int(count.Load()); encoded != total {
				t.Errorf("%d events are encoded by themselves", encoded-total)
			}
			time.Sleep(gatherFor)
			synctest.Wait()
			if total += n; int(count.Load()) != total {
				t.Errorf("%d of %d are encoded: the rest of the work comes all at once", count.Load(), total)
			}
		}
		if blocks := ready(t, q); len(blocks) > 0 {
			t.Errorf("sealed already: %v", blocks)
		}
		put(2)
		q.Close()
		synctest.Wait()
		if blocks := ready(t, q); len(blocks) != 1 || len(blocks[0]) != total+2 {
			t.Errorf("got %v", blocks)
		}
		balance(t, q, int64(total+2))
	})
}
