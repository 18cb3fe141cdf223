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

// TestAFailedJournalIsOpenedAgain lets the disk fail again and again under load:
// every client goes on until all its batches are acknowledged, and each entry is
// there once.
func TestAFailedJournalIsOpenedAgain(t *testing.T) {
	mem := vfs.NewMem()
	broken := &toggle{}
	j := open(t, errorfs.Wrap(mem, broken), at(noon))
	const clients, batches = 4, 40
	done := make(chan struct{})
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := range batches {
				b := batch("a", noon, event(fmt.Sprintf("%d-%d", c, i)))
				for {
					_, err := j.Append(context.Background(), b)
					if err == nil {
						break
					}
					if !errors.Is(err, ErrFailed) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	go func() { wg.Wait(); close(done) }()
	failures := 0
	for running := true; running; {
		if failures < 8 {
			broken.set(true)
		}
		select {
		case <-j.Failed():
			failures++
			if err := j.Ready(); !errors.Is(err, ErrFailed) {
				t.Errorf("ready while the disk is broken: %v", err)
			}
			if err := j.Reopen(); err == nil {
				t.Error("it was opened again on a broken disk")
			}
			broken.set(false)
			if err := j.Reopen(); err != nil {
				t.Fatal(err)
			}
		case <-done:
			running = false
		}
	}
	if failures == 0 {
		t.Error("the disk never failed")
	}
	times := map[string]int{}
	for _, b := range readAll(t, j) {
		for _, e := range b.Entries {
			times[string(e.Data)]++
		}
	}
	if len(times) != clients*batches {
		t.Errorf("%d of %d entries are there", len(times), clients*batches)
	}
	for data, n := range times {
		if n != 1 {
			t.Errorf("%s is there %d times", data, n)
		}
	}
	for app, c := range mustBooks(t, j, 0) {
		balanced(t, app, c)
	}
	if err := j.Reopen(); err != nil || j.Ready() != nil {
		t.Errorf("opened again without need: %v, %v", err, j.Ready())
	}
}

func TestNothingIsChangedThroughAFenceThatIsCut(t *testing.T) {
	mem := vfs.NewMem()
	f := &fence{FS: mem}
	file, err := f.Create("a", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write([]byte("before")); err != nil {
		t.Fatal(err)
	}
	f.close()
	_, writing := file.Write([]byte("after"))
	_, there := file.WriteAt([]byte("after"), 0)
	_, creating := f.Create("b", vfs.WriteCategoryUnspecified)
	_, opening := f.OpenReadWrite("a", vfs.WriteCategoryUnspecified)
	_, reusing := f.ReuseForWrite("a", "b", vfs.WriteCategoryUnspecified)
	for i, err := range []error{
		writing, there, creating, opening, reusing, file.Preallocate(0, 1),
		f.Rename("a", "b"), f.Remove("a"), f.RemoveAll("a"), f.Link("a", "b"), f.MkdirAll("c", 0o700),
	} {
		if !errors.Is(err, errFenced) {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if info, err := mem.Stat("a"); err != nil || info.Size() != 6 {
		t.Errorf("the file has changed: %v, %v", info, err)
	}
	if names, err := mem.List(""); err != nil || len(names) != 1 {
		t.Errorf("files %v, %v", names, err)
	}
}

func TestAJournalThatIsFarBehindRefusesUntilItIsTrimmed(t *testing.T) {
	fs := vfs.NewMem()
	reopen := func() *Journal {
		j, err := Open("journal", Options{FS: fs, Clock: at(noon), Logger: quiet(), MaxBehind: 3 << 20})
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	j := reopen()
	rng := rand.New(rand.NewPCG(1, 2))
	var refused error
	acked := 0
	for i := range 10 {
		data := make([]byte, 1<<20) // random bytes do not get smaller
		for k := range data {
			data[k] = byte(rng.Uint32())
		}
		if _, refused = j.Append(t.Context(), batch("a", noon, Entry{ID: fmt.Sprint(i), Until: noon.Add(time.Hour), Data: data})); refused != nil {
			break
		}
		acked++
	}
	if !errors.Is(refused, ErrBehind) || !errors.Is(j.Ready(), ErrBehind) || acked != 3 {
		t.Errorf("%d appends, then %v; ready: %v", acked, refused, j.Ready())
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = reopen() // knows how far it is behind
	if err := j.Ready(); !errors.Is(err, ErrBehind) {
		t.Errorf("ready after a restart: %v", err)
	}
	if err := j.Trim(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if err := j.Ready(); err != nil || j.Waiting() != 0 {
		t.Errorf("ready after all was trimmed: %v, %d bytes wait", err, j.Waiting())
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOnlyWhatIsOnDiskIsRead holds a commit in its sync: it can be seen in Pebble
// by then, and must not be read.
func TestOnlyWhatIsOnDiskIsRead(t *testing.T) {
	gate := &syncGate{closed: make(chan struct{}), reached: make(chan struct{})}
	close(gate.closed)
	j := open(t, errorfs.Wrap(vfs.NewMem(), gate), at(noon))
	mustAppend(t, j, batch("a", noon, event(uuidA)))
	gate.set(make(chan struct{}))
	done := make(chan error, 1)
	go func() {
		_, err := j.Append(context.Background(), batch("a", noon, event(uuidB)))
		done <- err
	}()
	<-gate.reached
	if blocks := readAll(t, j); len(blocks) != 1 {
		t.Errorf("%d blocks are read, one is on disk", len(blocks))
	}
	close(gate.get())
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if blocks := readAll(t, j); len(blocks) != 2 {
		t.Errorf("%d blocks are read", len(blocks))
	}
}

// syncGate lets syncs of files wait until its channel is closed.
type syncGate struct {
	mu      sync.Mutex
	closed  chan struct{}
	reached chan struct{} // closed when one waits
	once    sync.Once
}

func (g *syncGate) set(c chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = c
}

func (g *syncGate) get() chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

func (g *syncGate) String() string { return "sync gate" }

func (g *syncGate) MaybeError(op errorfs.Op) error {
	if op.Kind != errorfs.OpFileSync && op.Kind != errorfs.OpFileSyncData && op.Kind != errorfs.OpFileWrite {
		return nil
	}
	c := g.get()
	select {
	case <-c:
	default:
		g.once.Do(func() { close(g.reached) })
		<-c
	}
	return nil
}
