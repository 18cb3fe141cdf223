package journal

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// BenchmarkAppend sends batches of 200 events of about 1 KB from one and from
// eight clients, each with an id of its own, and reports events/s on disk.
func BenchmarkAppend(b *testing.B) {
	for _, clients := range []int{1, 8} {
		b.Run(fmt.Sprint("clients=", clients), func(b *testing.B) { benchmarkAppend(b, clients, 0) })
	}
	// As after a month of traffic: an id may be in any of five epochs.
	b.Run("clients=8/epochs=5", func(b *testing.B) { benchmarkAppend(b, 8, 5) })
}

func benchmarkAppend(b *testing.B, clients, epochs int) {
	j, err := Open(b.TempDir(), Options{Logger: quiet(), FS: vfs.Default})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := j.Close(); err != nil {
			b.Error(err)
		}
	}()
	now := time.Now()
	for e := range epochs {
		old := Batch{App: "app", ReceivedAt: now}
		for range 100_000 {
			old.Entries = append(old.Entries, Entry{ID: randomUUID(), Until: now.Add(time.Duration(e+1) * 7 * 24 * time.Hour)})
		}
		if _, err := j.Append(context.Background(), old); err != nil {
			b.Fatal(err)
		}
	}
	const events = 200
	var next, bytes atomic.Int64
	b.ResetTimer()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				batch := Batch{App: "app", ReceivedAt: now}
				for range events {
					id := randomUUID()
					data := eventJSON(id)
					bytes.Add(int64(len(data)))
					batch.Entries = append(batch.Entries, Entry{ID: id, Until: now.Add(31 * 24 * time.Hour), Data: data})
				}
				r, err := j.Append(context.Background(), batch)
				if err != nil || r.Duplicates != 0 {
					b.Errorf("%+v, %v", r, err)
					return
				}
				if r.Seq%64 == 0 {
					if err := j.Trim(context.Background(), r.Seq-32); err != nil {
						b.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(bytes.Load())/1e6/b.Elapsed().Seconds(), "MB/s")
}

func randomUUID() string {
	hi, lo := rand.Uint64(), rand.Uint64()
	return fmt.Sprintf("%08x-%04x-7%03x-%04x-%012x", time.Now().UnixMilli()>>16&0xffffffff, time.Now().UnixMilli()&0xffff, hi&0xfff, hi>>48, lo>>16)
}

func eventJSON(id string) []byte {
	return fmt.Appendf(nil, `{"request":{"time":"2026-11-22T10:00:00.%06dZ","uri":"https://api.example.com/orders/%d?expand=lines","verb":"GET","headers":{"User-Agent":"acme-sdk/1.%d","Accept":"application/json","X-Request-Id":"%016x"}},"response":{"time":"2026-11-22T10:00:00.%06dZ","status":200,"headers":{"Content-Type":"application/json","X-Trace":"%016x"},"body":{"id":%d,"total":%d,"lines":[{"sku":"A-%d","qty":%d},{"sku":"B-%d","qty":2}],"note":"left at the door, %x"}},"user_id":"user-%d","company_id":"company-%d","transaction_id":"%s","direction":"Incoming","metadata":{"gatemeter":{"route":"/orders/{id}","identity":"claimed"}}}`,
		rand.IntN(1e6), rand.IntN(1e6), rand.IntN(10), rand.Uint64(), rand.IntN(1e6), rand.Uint64(), rand.IntN(1e6), rand.IntN(1e5), rand.IntN(1000), rand.IntN(9), rand.IntN(1000), rand.Uint64(), rand.IntN(5000), rand.IntN(300), id)
}
