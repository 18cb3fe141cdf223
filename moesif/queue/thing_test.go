package queue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// thing is an item that embeds its node.
type thing struct {
	Node
	plain
}

// plain is an item that does not.
type plain struct {
	id, size int
	pad      string
	skip     func() bool
	sample   bool   // if it is skipped, that is why
	encode   func() // called first
}

func (p *plain) Size() int { return p.size }
func (p *plain) Judge() Verdict {
	if p.skip != nil && p.skip() {
		if p.sample {
			return Sample
		}
		return Skip
	}
	return Report
}

// open is Open without an error.
func open(t testing.TB, o Options) *Queue {
	t.Helper()
	q, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func (p *plain) AppendEvent(dst []byte) []byte {
	if p.encode != nil {
		p.encode()
	}
	return fmt.Appendf(dst, `{"id":%d,"pad":%q}`, p.id, p.pad)
}

func item(id int) *thing { return &thing{plain: plain{id: id, size: 1000}} }

// ids decodes what a collector would get.
func ids(t testing.TB, b *Block) []int {
	t.Helper()
	data, err := b.Data()
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var events []struct{ ID int }
	if err := json.NewDecoder(r).Decode(&events); err != nil {
		t.Fatal(err)
	}
	if len(events) != b.Events() {
		t.Fatalf("block says %d events, has %d", b.Events(), len(events))
	}
	out := make([]int, len(events))
	for i, e := range events {
		out[i] = e.ID
	}
	return out
}

// ready takes all blocks that are sealed, and settles them as sent.
func ready(t testing.TB, q *Queue) (blocks [][]int) {
	t.Helper()
	for b := q.TryTake(); b != nil; b = q.TryTake() {
		blocks = append(blocks, ids(t, b))
		q.Done(b, nil)
	}
	return blocks
}

// balance fails the test unless the books agree with put, the calls of Put.
func balance(t testing.TB, q *Queue, put int64) Stats {
	t.Helper()
	s := q.Stats()
	sum := s.Sent + s.Skipped + s.Queued - s.Recovered
	for _, n := range s.Rejected {
		sum += n
	}
	for _, n := range s.Dropped {
		sum += n
	}
	if s.Put != put || sum != put {
		t.Fatalf("put %d, books say put %d, sum %d: %+v", put, s.Put, sum, s)
	}
	return s
}

func span(from, to int) []int {
	var s []int
	for i := from; i < to; i++ {
		s = append(s, i)
	}
	return s
}

func pad(n int) string { return strings.Repeat("x", n) }

// pass lets time go by in a bubble.
func pass(d time.Duration) { <-time.After(d) }
