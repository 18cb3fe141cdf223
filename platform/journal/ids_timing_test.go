//go:build linux

package journal

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// BenchmarkIDs appends batches of 200 entries with fresh random ids from eight
// clients to a journal that remembers many in several epochs already, and reports
// the processor time of the process for an event, compactions included. The
// entries' bytes are random, which packs nothing. GATEMETER_BENCH_IDS says how
// many ids there are, in millions.
func BenchmarkIDs(b *testing.B) {
	millions := 1
	if n, err := strconv.Atoi(os.Getenv("GATEMETER_BENCH_IDS")); err == nil {
		millions = n
	}
	for _, epochs := range []int{1, 5} {
		for name, budget := range map[string]int64{"filters=no": -1, "filters=yes": filterBytes} {
			b.Run(fmt.Sprintf("epochs=%d/%s", epochs, name), func(b *testing.B) { benchmarkIDs(b, millions*1_000_000, epochs, budget) })
		}
	}
}

func benchmarkIDs(b *testing.B, ids, epochs int, budget int64) {
	dir := b.TempDir()
	j, err := Open(dir, Options{Logger: quiet(), filters: budget})
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	const at = 100_000
	for i := range ids / at {
		old := Batch{App: "app", ReceivedAt: now}
		until := now.Add(31*24*time.Hour - time.Duration(i%epochs)*8*24*time.Hour)
		for range at {
			old.Entries = append(old.Entries, Entry{ID: randomID(), Until: until})
		}
		if _, err := j.Append(context.Background(), old); err != nil {
			b.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	opening := time.Now()
	if j, err = Open(dir, Options{Logger: quiet(), filters: budget}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(time.Since(opening).Milliseconds()), "ms/open")
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	const events, batches = 200, 1500 // in an op: few of them are made, as each begins anew
	var next, slowest atomic.Int64
	before := processorTime()
	b.ResetTimer()
	var clients errgroup.Group
	for range 8 {
		clients.Go(func() error {
			for next.Add(1) <= int64(b.N*batches) {
				batch := Batch{App: "app", ReceivedAt: now}
				for range events {
					from := rand.IntN(len(data) - 250)
					batch.Entries = append(batch.Entries, Entry{ID: randomID(), Until: now.Add(31 * 24 * time.Hour), Data: data[from : from+250]})
				}
				began := time.Now()
				r, err := j.Append(context.Background(), batch)
				if err != nil || r.Duplicates != 0 {
					return fmt.Errorf("%+v, %w", r, err)
				}
				for took := int64(time.Since(began)); ; {
					if s := slowest.Load(); took <= s || slowest.CompareAndSwap(s, took) {
						break
					}
				}
				if r.Seq%1500 == 0 { // ten seconds of 30,000 a second
					if err := j.Trim(context.Background(), r.Seq-20); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	if err := clients.Wait(); err != nil {
		b.Error(err)
	}
	took := b.Elapsed()
	if os.Getenv("GATEMETER_BENCH_METRICS") != "" {
		b.Log(j.current.Load().db.Metrics().String())
	}
	if err := j.Close(); err != nil {
		b.Error(err)
	}
	used := processorTime() - before
	b.ReportMetric(float64(used.Nanoseconds())/1000/float64(b.N*batches*events), "µs-cpu/event")
	b.ReportMetric(float64(b.N*batches*events)/took.Seconds(), "events/s")
	b.ReportMetric(float64(slowest.Load())/1e6, "ms-slowest")
	b.ReportMetric(0, "ns/op")
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// randomID is a UUID of version 4, cheaper than it is made elsewhere.
func randomID() string {
	var raw [16]byte
	binary.LittleEndian.PutUint64(raw[:], rand.Uint64())
	binary.LittleEndian.PutUint64(raw[8:], rand.Uint64())
	var text [36]byte
	hex.Encode(text[:8], raw[:4])
	hex.Encode(text[9:13], raw[4:6])
	hex.Encode(text[14:18], raw[6:8])
	hex.Encode(text[19:23], raw[8:10])
	hex.Encode(text[24:], raw[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}
