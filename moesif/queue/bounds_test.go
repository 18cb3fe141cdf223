package queue

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
)

func TestFullQueueDropsAndCounts(t *testing.T) {
	for _, c := range []struct {
		name   string
		o      Options
		size   int
		reason string
	}{
		{"events", Options{MaxEvents: 5}, 1000, DroppedFullEvents},
		{"bytes", Options{MaxBytes: 5999}, 1000, DroppedFullBytes},
		{"one item", Options{MaxBytes: 5999}, 6000, DroppedFullBytes},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := open(t, c.o)
				defer q.Close()
				let, stuck := int64(0), make(chan struct{})
				defer close(stuck)
				for i := range 9 {
					it := item(i)
					it.size = c.size
					it.encode = func() { <-stuck } // what is sealed makes room
					if q.Put(it) {
						let++
					}
				}
				s := balance(t, q, 9)
				if s.Queued != let || s.Dropped[c.reason] != 9-let || let == 9 || (let == 0) != (c.size == 6000) {
					t.Fatalf("let in %d: %+v", let, s)
				}
			})
		})
	}
}

// Put must return while the workers hang and the log does, too.
func TestFullQueueNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		q := open(t, Options{MaxEvents: 50, BatchSize: 2, Workers: 1, Logger: logTo(func(string) { <-stuck })})
		const puts = 10_000
		for i := range puts {
			it := item(i)
			it.encode = func() { <-stuck }
			q.Put(it) // the bubble panics with a deadlock if this waits
		}
		synctest.Wait()
		if s := balance(t, q, puts); s.Queued != 50 || s.Dropped[DroppedFullEvents] != puts-50 {
			t.Fatalf("%+v", s)
		}
		close(stuck)
		q.Close()
		synctest.Wait()
		ready(t, q)
		if s := balance(t, q, puts); s.Sent != 50 || s.QueuedBytes != 0 {
			t.Fatalf("%+v", s)
		}
	})
}

func TestBoundsHoldUnderConcurrency(t *testing.T) {
	const (
		producers, each = 8, 1500
		maxEvents       = 300
		maxBytes        = 200_000
	)
	q := open(t, Options{MaxEvents: maxEvents, MaxBytes: maxBytes, BatchSize: 7, Workers: 3})
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for i := range each {
				it := item(p*each + i)
				it.size = 200 + i%3000
				it.pad = pad(i % 50)
				q.Put(it)
				if s := q.Stats(); s.Queued > maxEvents || s.QueuedBytes > maxBytes || s.Queued < 0 || s.QueuedBytes < 0 {
					t.Errorf("out of bounds: %+v", s)
					return
				}
			}
		})
	}
	sent := make(chan int)
	go func() {
		n := 0
		defer func() { sent <- n }()
		for {
			b, err := q.Take(context.Background())
			if err != nil {
				return
			}
			n += b.Events()
			q.Done(b, nil)
		}
	}()
	wg.Wait()
	q.Close()
	n := <-sent
	s := balance(t, q, producers*each)
	if s.Queued != 0 || s.QueuedBytes != 0 || s.Sent != int64(n) || n == 0 {
		t.Fatalf("delivered %d: %+v", n, s)
	}
}

func TestBlockThatOutgrowsTheBoundIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, Options{MaxBytes: 100})
		it := item(1)
		it.size = 1 // and much more once it is encoded
		q.Put(it)
		q.Close()
		synctest.Wait()
		if s := balance(t, q, 1); s.Dropped[DroppedFullBytes] != 1 || s.QueuedBytes != 0 || q.TryTake() != nil {
			t.Fatalf("%+v", s)
		}
	})
}
