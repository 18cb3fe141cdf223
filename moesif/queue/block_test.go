package queue

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

func TestReturnedBlocksComeFirstInTheirOldOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(Options{BatchSize: 4})
		for i := range 16 {
			q.Put(item(i))
		}
		q.Close()
		synctest.Wait()
		a, b, c := q.TryTake(), q.TryTake(), q.TryTake()
		b1, b2 := b.Split()
		q.Return(a)
		q.Return(c)
		q.Return(b2)
		q.Return(b1)
		want := [][]int{span(0, 4), {4, 5}, {6, 7}, span(8, 12), span(12, 16)}
		if got := ready(t, q); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if s := balance(t, q, 16); s.Sent != 16 || s.QueuedBytes != 0 {
			t.Fatalf("%+v", s)
		}
	})
}

func TestBytesOfASplitBlockAreHeldToItsLastEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(Options{})
		for i := range 5 {
			q.Put(item(i))
		}
		q.Close()
		synctest.Wait()
		held := q.Stats().QueuedBytes
		if held <= 0 || held >= 5*1000 {
			t.Fatalf("%d bytes held for a sealed block of 5 items of 1000", held)
		}
		a, b := q.TryTake().Split()
		q.Done(a, map[string]int{"bad": 1})
		if s := balance(t, q, 5); s.QueuedBytes != held || s.Queued != 3 || s.Sent != 1 || s.Rejected["bad"] != 1 {
			t.Fatalf("%+v", s)
		}
		q.Done(b, nil)
		if s := balance(t, q, 5); s.QueuedBytes != 0 || s.Queued != 0 || s.Sent != 4 {
			t.Fatalf("%+v", s)
		}
	})
}

func TestPartsHaveExactlyTheirEvents(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(rt, "events")
		s := newSealer()
		for i := range n {
			length := rapid.SampledFrom([]int{0, 0, 0, 10, 10, 10, 10, 1000, 1000, chunk}).Draw(rt, "length")
			broken := rapid.IntRange(0, 5).Draw(rt, "broken") == 0
			it := &plain{id: i, pad: pad(length)}
			if broken {
				s.add(nothing{})
				it.encode = func() { panic(i) }
				if s.add(it) {
					rt.Fatal("broken item was added")
				}
				it.encode = nil
			}
			if !s.add(it) {
				rt.Fatal("item was not added")
			}
		}
		data, ends := s.finish()
		s.free()
		whole := &Block{events: n, ready: true, sealed: &sealed{data: data, ends: ends, events: n}}
		var check func(b *Block, from int)
		check = func(b *Block, from int) {
			if got := ids(t, b); !slices.Equal(got, span(from, from+b.Events())) {
				rt.Fatalf("got %v, want %d from %d", got, b.Events(), from)
			}
			if b.Events() > 1 {
				first, second := b.Split()
				check(first, from)
				check(second, from+first.Events())
			}
		}
		check(whole, 0)
	})
}

func TestDamagedBlockIsAnError(t *testing.T) {
	s := newSealer()
	for i := range 4 {
		s.add(&plain{id: i})
	}
	data, ends := s.finish()
	s.free()
	for _, cut := range []int{0, 5, len(data) / 2} {
		b := &Block{events: 2, sealed: &sealed{data: data[:cut], ends: ends}}
		if _, err := b.Data(); err == nil {
			t.Errorf("cut at %d: no error", cut)
		}
	}
}

func TestRejectionsNeverExceedTheEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(Options{BatchSize: 2})
		for i := range 4 {
			q.Put(item(i))
		}
		q.Close()
		synctest.Wait()
		q.Done(q.TryTake(), map[string]int{"a": 5, "b": -1})
		q.Done(q.TryTake(), map[string]int{"a": 0, "b": 1})
		if s := balance(t, q, 4); s.Rejected["a"] != 2 || s.Rejected["b"] != 1 || s.Sent != 1 {
			t.Fatalf("%+v", s)
		}
	})
}

func TestReasonsFromOutsideAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(Options{BatchSize: 1})
		for i := range 100 {
			q.Put(item(i))
		}
		q.Close()
		synctest.Wait()
		for i := range 100 {
			q.Done(q.TryTake(), map[string]int{fmt.Sprint("reason ", i): 1})
		}
		if s := balance(t, q, 100); len(s.Rejected) != maxReasons+1 || s.Rejected["other"] != 100-maxReasons {
			t.Fatalf("%+v", s)
		}
	})
}
