package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"
)

// A failed journal leaves its Pebble to the end of the process.
var leftByPebble = []string{
	".(*cleanupManager).mainLoop",
	".(*ConcurrencyLimitScheduler).periodicGranter",
	"/record.(*LogWriter).flushLoop",
	"/internal/genericcache.(*shard[...]).releaseLoop",
}

func TestMain(m *testing.M) {
	var ignore []goleak.Option
	for _, f := range leftByPebble {
		ignore = append(ignore, goleak.IgnoreAnyFunction("github.com/cockroachdb/pebble/v2"+f))
	}
	goleak.VerifyTestMain(m, ignore...)
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	uuidA = "019ab7c2-0000-7000-8000-00000000000a"
	uuidB = "019ab7c2-0000-7000-8000-00000000000b"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// open opens a journal that is closed at the end of the test.
func open(t testing.TB, fs vfs.FS, clock func() time.Time) *Journal {
	t.Helper()
	j, err := Open("journal", Options{FS: fs, Clock: clock, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil && !errors.Is(err, ErrClosed) && !errors.Is(err, ErrFailed) {
			t.Error(err)
		}
	})
	return j
}

func at(now time.Time) func() time.Time { return func() time.Time { return now } }

func mustAppend(t testing.TB, j *Journal, b Batch) Receipt {
	t.Helper()
	r, err := j.Append(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustBooks(t testing.TB, j *Journal, after uint64) map[string]Counts {
	t.Helper()
	books, err := j.Books(context.Background(), after)
	if err != nil {
		t.Fatal(err)
	}
	return books
}

func readAll(t testing.TB, j *Journal) []Block {
	t.Helper()
	var all []Block
	for after := uint64(0); ; {
		blocks, err := j.Read(after, 50)
		if err != nil {
			t.Fatal(err)
		}
		if len(blocks) == 0 {
			return all
		}
		all = append(all, blocks...)
		after = blocks[len(blocks)-1].Seq
	}
}

func event(id string) Entry {
	return Entry{ID: id, Until: noon.Add(31 * 24 * time.Hour), Data: []byte(`{"transaction_id":"` + id + `"}`)}
}

func batch(app string, at time.Time, entries ...Entry) Batch {
	return Batch{App: app, ReceivedAt: at, Entries: entries}
}

func TestSecondArrivalIsADuplicate(t *testing.T) {
	month := noon.Add(31 * 24 * time.Hour)
	action := event(uuidA)
	action.Kind = Action
	other := event(uuidA)
	other.Until = noon.Add(3 * 24 * time.Hour) // same id, said to be of another time
	hashed := Batch{App: "a", ReceivedAt: noon, Hash: [32]byte{1}, Entries: []Entry{event(""), event("")}}
	later := func(b Batch, d time.Duration) Batch { b.ReceivedAt = b.ReceivedAt.Add(d); return b }

	for _, c := range []struct {
		name          string
		first, second Batch
		duplicates    int // of the second
	}{
		{"same id", batch("a", noon, event(uuidA)), batch("a", noon, event(uuidA)), 1},
		{"another id", batch("a", noon, event(uuidA)), batch("a", noon, event(uuidB)), 0},
		{"in a batch of others", batch("a", noon, event(uuidA)), batch("a", noon, event("x"), event(uuidA), event("y")), 1},
		{"twice in the second", batch("a", noon), batch("a", noon, event(uuidA), event(uuidA)), 1},
		{"in upper case", batch("a", noon, event(uuidA)), batch("a", noon, event(strings.ToUpper(uuidA))), 1},
		{"of any form", batch("a", noon, event("ORDER 7")), batch("a", noon, event("ORDER 7")), 1},
		{"form is exact", batch("a", noon, event("ORDER 7")), batch("a", noon, event("order 7")), 0},
		{"with another time", batch("a", noon, event(uuidA)), batch("a", noon, other), 1},
		{"with a later time", batch("a", noon, other), batch("a", noon, event(uuidA)), 1},
		{"in another application", batch("a", noon, event(uuidA)), batch("b", noon, event(uuidA)), 0},
		{"as another kind", batch("a", noon, event(uuidA)), batch("a", noon, action), 0},
		{"no id", batch("a", noon, event("")), batch("a", noon, event("")), 0},
		{"just before it is forgotten", batch("a", noon, event(uuidA)), batch("a", month.Add(-time.Microsecond), event(uuidA)), 1},
		{"when it is forgotten", batch("a", noon, event(uuidA)), batch("a", month, event(uuidA)), 0},
		{"same bytes", hashed, later(hashed, 24*time.Hour-time.Microsecond), 2},
		{"same bytes a day later", hashed, later(hashed, 24*time.Hour), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := vfs.NewMem()
			j := open(t, fs, at(noon))
			mustAppend(t, j, c.first)
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j = open(t, fs, at(noon)) // memory is on disk
			got := mustAppend(t, j, c.second)
			if got.Duplicates != c.duplicates {
				t.Errorf("%d duplicates, want %d", got.Duplicates, c.duplicates)
			}
			if fresh := len(c.second.Entries) - c.duplicates; (got.Seq == 0) != (fresh == 0) {
				t.Errorf("seq %d with %d new entries", got.Seq, fresh)
			}
			stored := 0
			for _, b := range readAll(t, j) {
				stored += len(b.Entries)
			}
			if want := len(c.first.Entries) + len(c.second.Entries) - c.duplicates; stored != want {
				t.Errorf("%d entries in blocks, want %d", stored, want)
			}
		})
	}
}

func TestReadReturnsBlocksInOrderAndInPieces(t *testing.T) {
	j := open(t, vfs.NewMem(), at(noon))
	for i := range 5 {
		b := batch(fmt.Sprint("app", i%2), noon.Add(time.Duration(i)*time.Microsecond), event(""), event(""))
		b.Entries[1] = Entry{Kind: Action, Data: fmt.Append(nil, "action ", i)}
		if r := mustAppend(t, j, b); r.Seq != uint64(i+1) {
			t.Fatalf("block %d got seq %d", i, r.Seq)
		}
	}
	for _, c := range []struct {
		after     uint64
		maxEvents int
		want      []uint64
	}{
		{0, 1, []uint64{1}},
		{0, 2, []uint64{1}},
		{0, 3, []uint64{1, 2}},
		{2, 100, []uint64{3, 4, 5}},
		{5, 100, nil},
	} {
		blocks, err := j.Read(c.after, c.maxEvents)
		if err != nil {
			t.Fatal(err)
		}
		var got []uint64
		for _, b := range blocks {
			got = append(got, b.Seq)
			i := int(b.Seq) - 1
			if b.App != fmt.Sprint("app", i%2) || !b.ReceivedAt.Equal(noon.Add(time.Duration(i)*time.Microsecond)) {
				t.Errorf("block %d: %s, %s", b.Seq, b.App, b.ReceivedAt)
			}
			if len(b.Entries) != 2 || b.Entries[1].Kind != Action || string(b.Entries[1].Data) != fmt.Sprint("action ", i) {
				t.Errorf("block %d: entries %v", b.Seq, b.Entries)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("after %d, %d events: %v, want %v", c.after, c.maxEvents, got, c.want)
		}
	}
}

func TestTrimmedBlocksAreGoneAndNumbersGoOn(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs, at(noon))
	for range 3 {
		mustAppend(t, j, batch("a", noon, event("")))
	}
	if err := j.Trim(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if left := readAll(t, j); len(left) != 0 {
		t.Errorf("%d blocks left", len(left))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, fs, at(noon))
	if r := mustAppend(t, j, batch("a", noon, event(""))); r.Seq != 4 {
		t.Errorf("seq %d after trim and reopening, want 4", r.Seq)
	}
	if err := j.Advance(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	if r := mustAppend(t, j, batch("a", noon, event(""))); r.Seq != 101 {
		t.Errorf("seq %d after advancing past 100, want 101", r.Seq)
	}
	if got := mustBooks(t, j, 4)["a"]; got.Received != 5 || got.InFlight != 1 {
		t.Errorf("books %+v, want 5 received, 1 in flight", got)
	}
}

func TestWaitReturnsWhenThereIsMore(t *testing.T) {
	j := open(t, vfs.NewMem(), at(noon))
	woken := make(chan error)
	go func() { woken <- j.Wait(context.Background(), 1) }()
	mustAppend(t, j, batch("a", noon, event("")))
	mustAppend(t, j, batch("a", noon, event("")))
	if err := <-woken; err != nil {
		t.Errorf("after two blocks: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { woken <- j.Wait(ctx, 2) }()
	cancel()
	if err := <-woken; !errors.Is(err, context.Canceled) {
		t.Errorf("after cancel: %v", err)
	}
	go func() { woken <- j.Wait(context.Background(), 2) }()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-woken; !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}

func TestAClosedJournalSaysSo(t *testing.T) {
	j := open(t, vfs.NewMem(), at(noon))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	_, appendErr := j.Append(t.Context(), batch("a", noon, event("")))
	_, readErr := j.Read(0, 1)
	_, booksErr := j.Books(t.Context(), 0)
	for _, err := range []error{appendErr, readErr, booksErr, j.Trim(t.Context(), 1), j.Close()} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want %v", err, ErrClosed)
		}
	}
}

func TestApplicationIsRequired(t *testing.T) {
	j := open(t, vfs.NewMem(), at(noon))
	for _, app := range []string{"", strings.Repeat("x", 256)} {
		if _, err := j.Append(t.Context(), batch(app, noon, event(""))); err == nil {
			t.Errorf("application of %d bytes was accepted", len(app))
		}
	}
}

func TestExpiredIDsLeaveTheDisk(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs, at(noon))
	mustAppend(t, j, batch("a", noon, event(uuidA)))
	late := noon.Add(20 * 24 * time.Hour)
	e := event(uuidB)
	e.Until = late.Add(31 * 24 * time.Hour)
	mustAppend(t, j, batch("a", late, e))
	if n := countIDs(t, j.current.Load().db); n != 2 {
		t.Fatalf("%d ids on disk, want 2", n)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, fs, at(noon.Add(31*24*time.Hour+epoch)))
	mustAppend(t, j, batch("a", late, event(""))) // the committer expires before it commits
	if n := countIDs(t, j.current.Load().db); n != 1 {
		t.Errorf("%d ids on disk after the first expired, want 1", n)
	}
	if r := mustAppend(t, j, batch("a", late, e)); r.Duplicates != 1 {
		t.Errorf("the younger id was forgotten: %+v", r)
	}
}

func countIDs(t *testing.T, r pebble.Reader) int {
	t.Helper()
	n := 0
	err := each(r, []byte{idPrefix}, []byte{idPrefix + 1}, func(_, _ []byte) (bool, error) { n++; return true, nil })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A length is read before there is anything to compare it with.
func TestBlockThatSaysItIsHugeTakesNoMemory(t *testing.T) {
	huge := append(binary.AppendUvarint(nil, maxBlock+1), "\xec\xeb0"...)
	if _, err := decodeEntries(huge, 1); !errors.Is(err, errCorrupt) || !strings.Contains(err.Error(), "1073741825 bytes") {
		t.Errorf("got %v", err)
	}
}

func TestBatchThatCouldNotBeReadBackIsRefused(t *testing.T) {
	j := open(t, vfs.NewMem(), at(noon))
	shared := Entry{Kind: Event, Data: make([]byte, 64<<20)}
	_, err := j.Append(t.Context(), Batch{App: "a", Entries: slices.Repeat([]Entry{shared}, 17)})
	if err == nil || !strings.Contains(err.Error(), "at most 1073741824 are kept together") {
		t.Errorf("got %v", err)
	}
}

func FuzzDecodeEntries(f *testing.F) {
	f.Add(encodeEntries([]Entry{event("x"), {Kind: Action, Data: []byte("{}")}}, nil), uint32(2))
	f.Add([]byte{}, uint32(0))
	f.Fuzz(func(t *testing.T, b []byte, n uint32) {
		entries, err := decodeEntries(b, n)
		if err == nil && len(entries) != int(n) {
			t.Errorf("%d entries, want %d", len(entries), n)
		}
	})
}
