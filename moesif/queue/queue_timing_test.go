package queue

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// skipped items leave at once, so that a benchmark of Put measures Put.
type skippedLinked struct {
	Node
	skippedPlain
}

type skippedPlain struct{ _ [1]byte }

func (*skippedPlain) Size() int                     { return 1100 }
func (*skippedPlain) Judge() Verdict                { return Skip }
func (*skippedPlain) AppendEvent(dst []byte) []byte { return dst }

// slab is how many items a goroutine of a benchmark allocates at a time, to keep
// their own allocation out of the figures.
const slab = 4096

func BenchmarkPut(b *testing.B) {
	b.Run("linked", func(b *testing.B) {
		q := open(b, Options{MaxEvents: 1 << 40, MaxBytes: 1 << 60})
		defer q.Close()
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			var items []skippedLinked
			for i := 0; pb.Next(); i++ {
				if i%slab == 0 {
					items = make([]skippedLinked, slab)
				}
				q.Put(&items[i%slab])
			}
		})
	})
	b.Run("plain", func(b *testing.B) {
		q := open(b, Options{MaxEvents: 1 << 40, MaxBytes: 1 << 60})
		defer q.Close()
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			it := new(skippedPlain)
			for pb.Next() {
				q.Put(it)
			}
		})
	})
	b.Run("full", func(b *testing.B) {
		q := open(b, Options{MaxBytes: 1})
		defer q.Close()
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			it := new(skippedPlain)
			for pb.Next() {
				q.Put(it)
			}
		})
	})
	b.Run("channel", func(b *testing.B) { // the least that others do, without a bound in bytes
		c := make(chan Item, 1<<16)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for it := range c {
				judge(it)
			}
		}()
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			it := new(skippedPlain)
			for pb.Next() {
				c <- it
			}
		})
		close(c)
		<-done
	})
}

// recorded is an item with an event as a gateway sees it, of about 1.1 KB.
type recorded struct {
	Node
	event wire.Event
}

func (r *recorded) Size() int                     { return 1100 }
func (r *recorded) Judge() Verdict                { return Report }
func (r *recorded) AppendEvent(dst []byte) []byte { return wire.AppendEvent(dst, &r.event) }

func traffic(n int) []*recorded {
	rnd := rand.New(rand.NewPCG(1, 2))
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	out := make([]*recorded, n)
	for i := range out {
		at = at.Add(time.Duration(rnd.IntN(1_000_000)) * time.Nanosecond)
		user := rnd.IntN(500)
		order := rnd.IntN(1_000_000)
		out[i] = &recorded{event: wire.Event{
			Request: wire.Request{
				Time: at, Verb: "POST", IPAddress: fmt.Sprintf("203.0.113.%d", rnd.IntN(255)),
				URI: fmt.Sprintf("https://api.example.com/orders/%d?expand=lines", order),
				Headers: wire.Headers{
					{Name: "Accept", Value: "application/json"}, {Name: "Authorization", Value: "*****"},
					{Name: "Content-Type", Value: "application/json"}, {Name: "User-Agent", Value: "acme-client/2.4 (linux)"},
					{Name: "Accept-Encoding", Value: "gzip, deflate, br"}, {Name: "X-Forwarded-For", Value: fmt.Sprintf("198.51.100.%d", rnd.IntN(255))},
					{Name: "Traceparent", Value: fmt.Sprintf("00-%016x%016x-%016x-01", rnd.Uint64(), rnd.Uint64(), rnd.Uint64())},
					{Name: "X-Request-Id", Value: fmt.Sprintf("%016x%016x", rnd.Uint64(), rnd.Uint64())},
				},
				Body:          json.RawMessage(fmt.Sprintf(`{"sku":"A-%d","quantity":%d,"note":"leave at the door"}`, rnd.IntN(9999), rnd.IntN(9))),
				ContentLength: 55,
			},
			Response: &wire.Response{
				Time: at.Add(7 * time.Millisecond), Status: 201,
				Headers:       wire.Headers{{Name: "Content-Type", Value: "application/json"}, {Name: "Cache-Control", Value: "no-store"}},
				Body:          json.RawMessage(fmt.Sprintf(`{"id":%d,"state":"accepted","total":%d.%02d,"currency":"EUR","eta":"2026-11-%02d"}`, order, rnd.IntN(999), rnd.IntN(99), 1+rnd.IntN(28))),
				ContentLength: 80,
			},
			UserID: fmt.Sprintf("user-%d", user), CompanyID: fmt.Sprintf("company-%d", user%40),
			TransactionID: fmt.Sprintf("0193%04x-%04x-7%03x-8%03x-%012x", rnd.IntN(1<<16), rnd.IntN(1<<16), rnd.IntN(1<<12), rnd.IntN(1<<12), rnd.Uint64()>>16),
			Direction:     "Incoming", Weight: 1,
			Metadata: json.RawMessage(`{"krakend":{"region":"eu"},"gatemeter":{"route":"/orders/{id}","identity":"claimed"}}`),
		}}
	}
	return out
}

// BenchmarkSeal is what encoding and compressing costs per event, off the
// request's path, in blocks of 200 and alone.
func BenchmarkSeal(b *testing.B) {
	items := traffic(10_000)
	for _, size := range []int{200, 1} {
		b.Run(fmt.Sprint("block=", size), func(b *testing.B) {
			b.ReportAllocs()
			var events, sealedBytes int
			var kept packed
			for b.Loop() {
				s := newSealer()
				for range size {
					s.add(items[events%len(items)])
					events++
				}
				data, gzip := s.finish()
				kept = pack(data)
				s.free()
				sealedBytes += gzip
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
			b.ReportMetric(float64(sealedBytes)/float64(events), "sealed-B/event")
			runtime.KeepAlive(kept)
		})
	}
}

// BenchmarkQueue is the whole way of an event: put, encoded, sealed, taken, done.
func BenchmarkQueue(b *testing.B) {
	items := traffic(10_000)
	q := open(b, Options{MaxEvents: 1 << 40, MaxBytes: 1 << 60})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			block, err := q.Take(b.Context())
			if err != nil {
				return
			}
			q.Done(block, nil)
		}
	}()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		it := &recorded{event: items[i%len(items)].event}
		q.Put(it)
	}
	q.Close()
	<-done
}
