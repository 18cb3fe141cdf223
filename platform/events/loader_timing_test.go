package events

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/bench/traffic"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

const (
	loaderRows  = 500_000
	loaderBlock = 200
	loaderLoad  = 40 // blocks
)

// BenchmarkLoader loads what a busy loader does, the calls of a month in loads of
// 40 blocks of 200. It reports the processor time of the loads, of the closing,
// and of whatever Go collects meanwhile; what makes the events up is not counted.
func BenchmarkLoader(b *testing.B) {
	calls := traffic.New(7)
	pool := make([]wire.Event, 65_000)
	for i := range pool {
		pool[i] = calls.Event(noon)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "events.duckdb")
		s, err := Open(path, Options{})
		if err != nil {
			b.Fatal(err)
		}
		var spent, slowest time.Duration
		at, seq := noon.Add(-29*day), uint64(0)
		for n := 0; n < loaderRows; n += loaderLoad * loaderBlock {
			blocks := make([]Block, loaderLoad)
			for i := range blocks {
				seq++
				blocks[i] = Block{Seq: seq, App: benchmarkApp, ReceivedAt: noon.Add(time.Duration(n) * time.Second / 30_000), Events: make([]wire.Event, loaderBlock)}
				for k := range blocks[i].Events {
					e := pool[rng.IntN(len(pool))]
					answer := *e.Response
					answer.Time, e.Request.Time = at.Add(e.Response.Time.Sub(e.Request.Time)), at
					e.Response, e.TransactionID = &answer, traffic.ID(rng, at)
					blocks[i].Events[k] = e
					at = at.Add(29 * day / loaderRows)
				}
			}
			before, began := processor(b), time.Now()
			if err := s.Load(context.Background(), 0, blocks); err != nil {
				b.Fatal(err)
			}
			slowest = max(slowest, time.Since(began))
			spent += processor(b) - before
		}
		before := processor(b)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		spent += processor(b) - before
		file, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(spent.Microseconds())/loaderRows, "µs/event")
		b.ReportMetric(float64(slowest.Milliseconds()), "ms/slowest")
		b.ReportMetric(float64(file.Size())/loaderRows, "B/event")
	}
}
