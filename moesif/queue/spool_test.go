package queue

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/moesif/queue/spool/spooltest"
)

// onDisk is a queue with a spool in memory, saved and verified when the test ends.
func onDisk(t testing.TB, m *spooltest.Mem, o Options) *Queue {
	t.Helper()
	o.Spool.Dir = "/spool"
	q, err := openIn(o, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		saved, err := q.Save()
		if errors.Is(err, spooltest.ErrCrashed) {
			return
		}
		if s := q.Stats(); err == nil && (saved.Events != s.Queued || s.Spooled != s.Queued) {
			t.Errorf("saved %+v of %+v", saved, s)
		}
		verify(t, m, q)
	})
	return q
}

// verify checks the whole directory: what waits there is what the books say.
func verify(t testing.TB, m *spooltest.Mem, q *Queue) {
	t.Helper()
	events, s := int64(0), q.Stats()
	for _, b := range spooltest.Verify(t, m).Blocks {
		for _, run := range b.Left {
			events += int64(run.Events)
		}
	}
	size := int64(0)
	for _, data := range m.Files() {
		size += int64(len(data))
	}
	if events != s.Spooled || size != s.SpooledBytes {
		t.Errorf("%d events and %d bytes are on disk, the books say %+v", events, size, s)
	}
}

// putAll puts items with these ids.
func putAll(q *Queue, ids []int) {
	for _, id := range ids {
		q.Put(item(id))
	}
}

func TestBlocksThatWaitGoToDiskAndKeepTheirPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(spooltest.Mem)
		q := onDisk(t, m, Options{BatchSize: 3})
		putAll(q, span(0, 6))
		pass(4 * time.Second)
		putAll(q, span(6, 9))
		synctest.Wait()
		if s := balance(t, q, 9); s.Spooled != 0 || s.SpooledBytes != 0 {
			t.Fatalf("young blocks are on disk: %+v", s)
		}
		pass(2 * time.Second) // at 5 s written, at 6 s synced
		synctest.Wait()
		s := balance(t, q, 9)
		if s.Spooled != 6 || s.SpooledBytes == 0 || s.Queued != 9 {
			t.Fatalf("old blocks are not on disk: %+v", s)
		}
		if got, want := ready(t, q), [][]int{span(0, 3), span(3, 6), span(6, 9)}; !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		pass(3 * time.Second)
		synctest.Wait()
		if s := balance(t, q, 9); s.Sent != 9 || s.Spooled != 0 || s.SpooledBytes != 0 || s.QueuedBytes != 0 || len(m.Files()) != 0 {
			t.Fatalf("%d files, %+v", len(m.Files()), s)
		}
	})
}

func TestDeliveredBlocksNeverTouchTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(spooltest.Mem)
		q := onDisk(t, m, Options{BatchSize: 3})
		before := m.Ops()
		for i := range 40 {
			putAll(q, span(3*i, 3*i+3))
			pass(time.Second)
			ready(t, q)
		}
		if n := m.Ops() - before; n != 0 {
			t.Fatalf("%d operations on the disk", n)
		}
	})
}

// A block that was taken, and that nobody can deliver, is safe too.
func TestBlocksInFlightGoToDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(spooltest.Mem)
		q := onDisk(t, m, Options{BatchSize: 4})
		putAll(q, span(0, 8))
		synctest.Wait()
		a, b := q.TryTake(), q.TryTake()
		b1, b2 := b.Split()
		q.Done(b2, nil) // before it is on disk
		pass(7 * time.Second)
		synctest.Wait()
		if s := balance(t, q, 8); s.Spooled != 6 {
			t.Fatalf("%+v", s)
		}
		q.Done(a, map[string]int{"bad": 1})
		pass(2 * time.Second)
		if got := ids(t, b1); !slices.Equal(got, []int{4, 5}) {
			t.Fatalf("got %v", got)
		}
		q = reopened(t, m, q, Options{})
		if s := balance(t, q, 0); s.Recovered != 2 || s.Queued != 2 {
			t.Fatalf("%+v", s)
		}
		if got := ready(t, q); !reflect.DeepEqual(got, [][]int{{4, 5}}) {
			t.Fatalf("got %v", got)
		}
	})
}

// reopened kills the process of q and starts another one.
func reopened(t testing.TB, m *spooltest.Mem, q *Queue, o Options) *Queue {
	t.Helper()
	synctest.Wait()
	m.Kill()
	next := m.Restart()
	q.Save() // ends its goroutines, and no more
	return onDisk(t, next, o)
}

func TestShortMemoryGoesToDiskAtOnceAndNothingIsDropped(t *testing.T) {
	for name, o := range map[string]Options{
		"events": {MaxEvents: 64, BatchSize: 4},
		"bytes":  {MaxBytes: 80_000, BatchSize: 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := new(spooltest.Mem)
				q := onDisk(t, m, o)
				for i := range 1000 {
					q.Put(item(i))
					if i%4 == 3 {
						synctest.Wait()
					}
				}
				s := balance(t, q, 1000)
				if len(s.Dropped) > 0 || s.Queued != 1000 || s.Spooled < 900 {
					t.Fatalf("%+v", s)
				}
				if got := slices.Concat(ready(t, q)...); !slices.Equal(got, span(0, 1000)) {
					t.Fatalf("got %v", got)
				}
			})
		})
	}
}

func TestFullSpoolFillsMemoryAndThenDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bound = 32 << 10
		m := new(spooltest.Mem)
		q := onDisk(t, m, Options{MaxEvents: 50, BatchSize: 1, Spool: Spool{MaxBytes: bound}})
		for i := range 600 {
			q.Put(item(i))
			pass(100 * time.Millisecond)
			synctest.Wait()
			if s := q.Stats(); s.SpooledBytes > bound || s.Queued-s.Spooled > 50 {
				t.Fatalf("out of bounds: %+v", s)
			}
		}
		s := balance(t, q, 600)
		if s.Dropped[DroppedFullEvents] == 0 || s.Spooled == 0 || s.Queued-s.Spooled != 50 {
			t.Fatalf("%+v", s)
		}
		kept := slices.Concat(ready(t, q)...)
		if !slices.Equal(kept, span(0, len(kept))) || int64(len(kept)) != s.Queued {
			t.Fatalf("kept %v", kept)
		}
		pass(5 * time.Second)
		putAll(q, span(600, 610)) // there is room again
		pass(10 * time.Second)
		synctest.Wait()
		if s := balance(t, q, 610); s.Spooled != 10 {
			t.Fatalf("%+v", s)
		}
	})
}

func TestBlockThatIsSettledWhileItIsWrittenLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(spooltest.Mem)
		q := onDisk(t, m, Options{BatchSize: 4})
		putAll(q, span(0, 4))
		synctest.Wait()
		first, second := q.TryTake().Split()
		q.Done(first, nil)
		m.Fail(func(_ int, op string) error {
			if op == "create" {
				q.Done(second, nil)
			}
			return nil
		})
		pass(time.Minute)
		synctest.Wait()
		if s := balance(t, q, 4); s.Sent != 4 || s.QueuedBytes != 0 || s.SpooledBytes != 0 || len(m.Files()) != 0 {
			t.Fatalf("%d files are left: %+v", len(m.Files()), s)
		}
	})
}

func TestFailingDiskLosesNothingAndIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(spooltest.Mem)
		m.Fail(func(_ int, op string) error {
			if op != "lock" && op != "list" {
				return spooltest.ErrDisk
			}
			return nil
		})
		var logged []string
		q := onDisk(t, m, Options{BatchSize: 2, Logger: logTo(func(s string) { logged = append(logged, s) })})
		putAll(q, span(0, 10))
		pass(150 * time.Second)
		synctest.Wait()
		s := balance(t, q, 10)
		if s.Spooled != 0 || s.Queued != 10 || s.SpoolErrors < 20 || len(s.Dropped) != 0 {
			t.Fatalf("%+v", s)
		}
		if len(logged) != 3 || !strings.Contains(logged[0], "spool_dir=/spool failures=1 error=create: input/output error") {
			t.Fatalf("logged %q", logged)
		}
		m.Fail(nil)
		pass(10 * time.Second)
		synctest.Wait()
		if s := balance(t, q, 10); s.Spooled != 10 {
			t.Fatalf("%+v", s)
		}
		if got := slices.Concat(ready(t, q)...); !slices.Equal(got, span(0, 10)) {
			t.Fatalf("got %v", got)
		}
	})
}

func TestUnreadableBlockComesBackLaterAndIsGivenUpAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unreadable := func(_ int, op string) error {
			if op == "read" {
				return spooltest.ErrDisk
			}
			return nil
		}
		m := new(spooltest.Mem)
		q := onDisk(t, m, Options{BatchSize: 2})
		putAll(q, span(0, 4))
		pass(10 * time.Second)
		synctest.Wait()
		b := q.TryTake()
		for range 3 {
			m.Fail(unreadable)
			if _, err := b.Data(); err == nil || errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			m.Fail(nil)
			q.Return(b)
			if got := q.TryTake(); got == b {
				t.Fatal("it is back at once")
			} else if got != nil {
				q.Done(got, nil)
			}
			pass(30 * time.Second)
			synctest.Wait()
			if got := q.TryTake(); got != b {
				t.Fatal("it is not back")
			}
		}
		if got := ids(t, b); !slices.Equal(got, []int{0, 1}) {
			t.Fatal(got)
		}
		m.Fail(unreadable)
		if _, err := b.Data(); errors.Is(err, ErrDamaged) {
			t.Fatal("given up at once")
		}
		pass(24 * time.Hour)
		if _, err := b.Data(); !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
		q.Done(b, map[string]int{"damaged": 2})
		balance(t, q, 4)
		m.Fail(nil)
	})
}
