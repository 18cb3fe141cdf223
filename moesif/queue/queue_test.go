package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestTimerRunsFromTheOldestEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, Options{FlushAfter: 2 * time.Second})
		defer q.Close()
		for i := range 7 { // each event less than FlushAfter after the one before
			q.Put(item(i))
			pass(900 * time.Millisecond)
			synctest.Wait()
			got := ready(t, q)
			var want [][]int
			switch i { // 2 s after event 0, and 2 s after event 3
			case 2:
				want = [][]int{span(0, 3)}
			case 5:
				want = [][]int{span(3, 6)}
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("after event %d: got %v, want %v", i, got, want)
			}
		}
	})
}

func TestFullGroupIsSealedAtOnceAndTheRestInItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, Options{BatchSize: 4, FlushAfter: 2 * time.Second})
		defer q.Close()
		expect := func(want ...[]int) {
			t.Helper()
			synctest.Wait()
			if got := ready(t, q); !reflect.DeepEqual(got, want) {
				t.Fatalf("got %v, want %v", got, want)
			}
		}
		q.Put(item(0))
		expect()
		pass(1900 * time.Millisecond)
		for i := 1; i < 10; i++ {
			q.Put(item(i))
		}
		expect(span(0, 4), span(4, 8)) // 8 and 9 are left
		pass(1999 * time.Millisecond)
		expect()
		q.Put(item(10))
		q.Put(item(11)) // fills the group
		expect(span(8, 12))
		q.Put(item(12))
		pass(1999 * time.Millisecond)
		expect()
		pass(time.Millisecond)
		expect(span(12, 13))
	})
}

// An event that is skipped wakes the dispatcher as if it filled the group.
func TestSkippedEventsDoNotDelayTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, Options{BatchSize: 3, FlushAfter: 2 * time.Second})
		defer q.Close()
		q.Put(item(0))
		pass(time.Second)
		q.Put(item(1))
		skipped := item(2)
		skipped.skip = func() bool { return true }
		q.Put(skipped)
		pass(time.Second)
		synctest.Wait()
		if got := ready(t, q); !reflect.DeepEqual(got, [][]int{{0, 1}}) {
			t.Fatal(got)
		}
	})
}

func TestEventPutWhileTheDispatcherIsBusyIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, Options{BatchSize: 3, FlushAfter: 2 * time.Second})
		defer q.Close()
		q.Put(item(0))
		synctest.Wait()
		q.Put(item(1))
		last := item(2)
		last.skip = func() bool { return !q.Put(item(3)) } // called by the dispatcher
		q.Put(last)
		pass(2 * time.Second)
		synctest.Wait()
		if got := ready(t, q); !reflect.DeepEqual(got, [][]int{span(0, 3), {3}}) {
			t.Fatal(got)
		}
	})
}

func TestFlushSealsWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, Options{})
		defer q.Close()
		q.Flush() // nothing to do
		q.Put(item(1))
		q.Put(item(2))
		q.Flush()
		synctest.Wait()
		if got := ready(t, q); !reflect.DeepEqual(got, [][]int{{1, 2}}) {
			t.Fatal(got)
		}
	})
}

func TestManyBytesAreABlockToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, Options{MaxBytes: 80_000}) // a block at 10,000 bytes
		defer q.Close()
		for i := range 9 {
			it := item(i)
			it.size = 2500
			q.Put(it)
			if i == 0 {
				synctest.Wait() // the dispatcher knows of the first
			}
		}
		synctest.Wait()
		if got, want := ready(t, q), [][]int{span(0, 4), span(4, 8)}; !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestSkippedEventsAreCountedAndFillNoBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, Options{BatchSize: 3})
		defer q.Close()
		for i := range 12 {
			it := item(i)
			it.skip = func() bool { return i%2 == 0 }
			it.sample = i%4 == 0
			q.Put(it)
		}
		synctest.Wait()
		if got, want := ready(t, q), [][]int{{1, 3, 5}, {7, 9, 11}}; !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if s := balance(t, q, 12); s.Skipped != 6 || s.Sampled != 3 || s.Sent != 6 || s.QueuedBytes != 0 {
			t.Fatalf("%+v", s)
		}
	})
}

func TestItemsThatPanicOrGiveNothingAreDroppedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, Options{})
		for i := range 6 {
			it := item(i)
			switch i {
			case 0:
				it.encode = func() { panic("encode") }
			case 2:
				it.skip = func() bool { panic("skip") }
			case 5:
				q.Put(nothing{})
				continue
			}
			q.Put(it)
		}
		q.Close()
		synctest.Wait()
		if got, want := ready(t, q), [][]int{{1, 3, 4}}; !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if s := balance(t, q, 6); s.Dropped[DroppedBroken] != 3 || s.QueuedBytes != 0 {
			t.Fatalf("%+v", s)
		}
	})
}

type nothing struct{}

func (nothing) Size() int                     { return 10 }
func (nothing) Judge() Verdict                { return Report }
func (nothing) AppendEvent(dst []byte) []byte { return dst }

func TestBlockOfBrokenItemsOnlyIsNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, Options{})
		q.Put(nothing{})
		q.Close()
		if b, err := q.Take(t.Context()); !errors.Is(err, io.EOF) {
			t.Fatal(b, err)
		}
		balance(t, q, 1)
	})
}

func TestOrderOfEachCallerIsKept(t *testing.T) {
	const producers, each = 6, 800
	q := open(t, Options{BatchSize: 11, Workers: 4})
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for i := range each {
				if i%2 == 0 {
					q.Put(item(p*each + i))
				} else {
					q.Put(&plain{id: p*each + i, size: 10})
				}
			}
		})
	}
	wg.Wait()
	q.Close()
	next := [producers]int{}
	for {
		b, err := q.Take(t.Context())
		if err != nil {
			break
		}
		if b.Events() > 11 {
			t.Fatalf("block of %d", b.Events())
		}
		for _, id := range ids(t, b) {
			if p := id / each; id%each != next[p] {
				t.Fatalf("caller %d: event %d, want %d", p, id%each, next[p])
			} else {
				next[p]++
			}
		}
		q.Done(b, nil)
	}
	for p, n := range next {
		if n != each {
			t.Errorf("caller %d: %d events of %d", p, n, each)
		}
	}
}

func TestSlowWorkerDoesNotOvertake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, Options{BatchSize: 1, Workers: 3})
		slow := item(0)
		slow.encode = func() { pass(time.Second) }
		q.Put(slow)
		q.Put(item(1))
		q.Close()
		synctest.Wait()
		if b := q.TryTake(); b != nil {
			t.Fatalf("took %v before the block of event 0 was sealed", ids(t, b))
		}
		pass(time.Second)
		synctest.Wait()
		if got := ready(t, q); !reflect.DeepEqual(got, [][]int{{0}, {1}}) {
			t.Fatal(got)
		}
	})
}

func TestCloseSealsEverythingAndThenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, Options{BatchSize: 3})
		for i := range 8 {
			q.Put(item(i))
		}
		q.Close()
		q.Close()
		if q.Put(item(8)) {
			t.Fatal("let in after Close")
		}
		var got [][]int
		for {
			b, err := q.Take(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, ids(t, b))
			q.Done(b, nil)
		}
		if want := [][]int{span(0, 3), span(3, 6), span(6, 8)}; !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if s := balance(t, q, 9); s.Dropped[DroppedClosed] != 1 {
			t.Fatalf("%+v", s)
		}
	})
}

func TestWhatIsLetInWhileClosingIsNotLost(t *testing.T) {
	for range 50 {
		q := open(t, Options{BatchSize: 2})
		let := make(chan int64)
		for range 2 {
			go func() {
				n := int64(0)
				for q.Put(item(0)) {
					n++
				}
				let <- n
			}()
		}
		q.Close()
		want := <-let + <-let
		for {
			b, err := q.Take(t.Context())
			if err != nil {
				break
			}
			q.Done(b, nil)
		}
		if s := balance(t, q, want+2); s.Sent != want {
			t.Fatalf("let in %d: %+v", want, s)
		}
	}
}

func TestTakeEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, Options{})
		defer q.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := q.Take(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	})
}

func ExampleQueue() {
	q, err := Open(Options{BatchSize: 200})
	if err != nil {
		fmt.Println(err)
		return
	}
	q.Put(item(1))
	q.Close()
	b, err := q.Take(context.Background())
	fmt.Println(b.Events(), err)
	q.Done(b, nil)
	_, err = q.Take(context.Background())
	fmt.Println(err)
	// Output:
	// 1 <nil>
	// EOF
}
