package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestPowerCut cuts the power at some moment while several clients send, starts
// again with what reached the disk, and lets every client send everything again.
func TestPowerCut(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { powerCut(t, seed) })
	}
}

func powerCut(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 7))
	fs := vfs.NewCrashableMem()
	j := open(t, fs, at(noon))

	const clients = 4
	batches := make([]Batch, 60)
	for i := range batches {
		b := batch(fmt.Sprint("app", i%2), noon)
		for k := range 1 + rng.IntN(5) {
			b.Entries = append(b.Entries, event(fmt.Sprintf("%d-%d", i, k)))
		}
		if i%7 == 0 {
			b.Rejected = map[string]int{"too_old": 1}
		}
		batches[i] = b
	}
	cutAfter := rng.IntN(len(batches))

	var mu sync.Mutex
	acked := map[int]Receipt{}
	var after *vfs.MemFS // the disk after the cut
	var ackedBefore map[int]Receipt
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := c; i < len(batches); i += clients {
				r, err := j.Append(context.Background(), batches[i])
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acked[i] = r
				if len(acked) > cutAfter && after == nil {
					ackedBefore = map[int]Receipt{}
					for i, r := range acked {
						ackedBefore[i] = r
					}
					cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 100}[seed%3], RNG: rand.New(rand.NewPCG(seed, 8))}
					after = fs.CrashClone(cfg)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()

	j = open(t, after, at(noon))
	found := map[uint64]Block{}
	for _, b := range readAll(t, j) {
		found[b.Seq] = b
	}
	for i, r := range ackedBefore {
		if got := found[r.Seq]; len(got.Entries) != len(batches[i].Entries) || string(got.Entries[0].Data) != string(batches[i].Entries[0].Data) {
			t.Errorf("batch %d was acknowledged as block %d, found %d entries of %d", i, r.Seq, len(got.Entries), len(batches[i].Entries))
		}
	}
	for i, b := range batches { // every client sends everything again
		r := mustAppend(t, j, b)
		if _, ok := ackedBefore[i]; ok && r.Duplicates != len(b.Entries) {
			t.Errorf("batch %d: %d duplicates of %d", i, r.Duplicates, len(b.Entries))
		}
	}
	times := map[string]int{}
	for _, b := range readAll(t, j) {
		for _, e := range b.Entries {
			times[string(e.Data)]++
		}
	}
	for _, b := range batches {
		for _, e := range b.Entries {
			if n := times[string(e.Data)]; n != 1 {
				t.Errorf("%s is there %d times", e.Data, n)
			}
		}
	}
	for app, c := range mustBooks(t, j, 0) {
		balanced(t, app, c)
	}
}

func balanced(t testing.TB, app string, c Counts) {
	t.Helper()
	sum := c.Duplicate + c.InFlight
	for _, n := range c.Rejected {
		sum += n
	}
	if sum != c.Received {
		t.Errorf("%s: received %d, but the rest of %+v is %d", app, c.Received, c, sum)
	}
}

func TestAFailedDiskFailsTheJournalAndLosesNothingAcknowledged(t *testing.T) {
	mem := vfs.NewCrashableMem()
	broken := &toggle{}
	j := open(t, errorfs.Wrap(mem, broken), at(noon))
	first := mustAppend(t, j, batch("a", noon, event(uuidA)))
	broken.set(true)
	if _, err := j.Append(t.Context(), batch("a", noon, event(uuidB))); !errors.Is(err, ErrFailed) {
		t.Fatalf("append on a broken disk: %v", err)
	}
	<-j.Failed()
	if _, err := j.Append(t.Context(), batch("a", noon, event("later"))); !errors.Is(err, ErrFailed) {
		t.Errorf("append after the failure: %v", err)
	}
	if err := j.Close(); !errors.Is(err, ErrFailed) {
		t.Errorf("close after the failure: %v", err)
	}
	j = open(t, mem.CrashClone(vfs.CrashCloneCfg{}), at(noon))
	if blocks := readAll(t, j); len(blocks) == 0 || blocks[0].Seq != first.Seq {
		t.Errorf("the acknowledged block is lost: %v", blocks)
	}
}

// toggle makes every sync of a log fail while it is on.
type toggle struct {
	mu sync.Mutex
	on bool
}

func (f *toggle) set(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on = on
}

func (f *toggle) String() string { return "toggle" }

func (f *toggle) MaybeError(op errorfs.Op) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.on && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
		return errorfs.ErrInjected
	}
	return nil
}

func TestAFullDiskRefusesButTrims(t *testing.T) {
	fs := &filling{FS: vfs.NewMem()}
	var minutes atomic.Int64
	j := open(t, fs, func() time.Time { return noon.Add(time.Duration(minutes.Add(1)) * time.Minute) })
	fs.free.Store(diskReserve)
	mustAppend(t, j, batch("a", noon, event(uuidA)))
	fs.free.Store(diskReserve - 1)
	if _, err := j.Append(t.Context(), batch("a", noon, event(uuidB))); !errors.Is(err, ErrFull) {
		t.Fatalf("append on a full disk: %v", err)
	}
	if err := j.Trim(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	fs.free.Store(diskReserve)
	if r := mustAppend(t, j, batch("a", noon, event(uuidB))); r.Duplicates != 0 {
		t.Error("what was refused was remembered")
	}
}

// filling is a disk that says how much is free.
type filling struct {
	vfs.FS
	free atomic.Uint64
}

func (f *filling) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: f.free.Load()}, nil
}
