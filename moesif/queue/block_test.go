package queue

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

func TestReturnedBlocksComeFirstInTheirOldOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, Options{BatchSize: 4})
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
		q := open(t, Options{})
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
		whole := sealedBlock(s)
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
	half := func(change func(gzip, index []byte) ([]byte, []byte)) *Block {
		s := newSealer()
		for i := range 4 {
			s.add(&plain{id: i})
		}
		b := sealedBlock(s)
		data, n := b.sealed.data.bytes(), b.sealed.gzip
		gzip, index := change(data[:n:n], data[n:])
		b.sealed.data, b.sealed.gzip = pack(append(gzip, index...)), int32(len(gzip))
		first, _ := b.Split()
		return first
	}
	for _, cut := range []int{0, 5, 40} {
		b := half(func(gzip, index []byte) ([]byte, []byte) { return gzip[:cut:cut], index })
		if _, err := b.Data(); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	for name, index := range map[string][]byte{"none": {}, "short": {1}, "long": {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 1, 1}, "more than there is": {100, 100, 100, 100}} {
		b := half(func(gzip, _ []byte) ([]byte, []byte) { return gzip, index })
		if _, err := b.Data(); !errors.Is(err, ErrDamaged) {
			t.Errorf("index %s: %v", name, err)
		}
	}
}

// sealedBlock is a block of what was added to s, of a queue without a spool.
func sealedBlock(s *sealer) *Block {
	data, gzip := s.finish()
	b := newBlock(&Queue{}, 1)
	b.events, b.ready = int32(s.events), true
	b.sealed.data, b.sealed.gzip = pack(data), int32(gzip)
	b.sealed.events, b.sealed.total = b.events, b.events
	return b
}

func TestPackedBytesAreWholeAndTakeWhatTheySay(t *testing.T) {
	for _, n := range []int{1, 100, 8 << 10, 32 << 10, 32<<10 + 1, 40 << 10, 67_321, 1 << 20} {
		b := []byte(strings.Repeat("0123456789abcde", n/15+1))[:n]
		p := pack(b)
		if !bytes.Equal(p.bytes(), b) || p.isZero() {
			t.Errorf("%d bytes came out as %d", n, len(p.bytes()))
		}
		if most := int64(n + n/8 + 1024); p.size() < int64(n) || p.size() > most && n > 1000 {
			t.Errorf("%d bytes take %d, want %d at most", n, p.size(), most)
		}
	}
	if p := pack(make([]byte, 67_321)); p.size() > 67_321+1024 {
		t.Errorf("67321 bytes take %d", p.size())
	}
}

func TestRejectionsNeverExceedTheEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, Options{BatchSize: 2})
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
		q := open(t, Options{BatchSize: 1})
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
