package collect

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
)

func TestTurnsAreTakenInOrderAndNotWaitedForTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newTurns()
		take := func() *turn {
			got, err := all.take(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		var held []*turn
		for range runtime.GOMAXPROCS(0) {
			held = append(held, take())
		}
		next := make(chan *turn)
		go func() { next <- take() }()
		synctest.Wait()
		held[0].end()
		held[0].end() // does not give away a turn of somebody else
		held[0] = <-next
		if _, err := all.take(t.Context()); !errors.Is(err, errCrowded) { // after two seconds of the bubble
			t.Errorf("it waited too long: %v", err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := all.take(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("the client has gone: %v", err)
		}
		if !all.waiting.TryAcquire(maxTurns) {
			t.Error("somebody waits still")
		}
		if _, err := all.take(t.Context()); !errors.Is(err, errCrowded) {
			t.Errorf("too many wait: %v", err)
		}
		for _, h := range held {
			h.end()
		}
		if !all.reading.TryAcquire(int64(len(held))) {
			t.Error("turns are missing")
		}
	})
}
