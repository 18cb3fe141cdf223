package spool_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/moesif/queue/spool"
	"github.com/gatemeter/gatemeter/moesif/queue/spool/spooltest"
)

var quiet = slog.New(slog.DiscardHandler)

// block makes up block seq, of any size, recognizable.
func block(seq uint64) spool.Block {
	rnd := rand.New(rand.NewPCG(seq, 7))
	events := 1 + rnd.IntN(20)
	data := fmt.Appendf(nil, "block %d ", seq)
	for range rnd.IntN(500) {
		data = append(data, byte(rnd.Uint32()))
	}
	gzip := len(data)
	return spool.Block{Seq: seq, Events: events, Gzip: gzip, Data: append(data, make([]byte, events)...)}
}

func open(t testing.TB, dir spool.FS, maxBytes int64) (*spool.Log, *spool.Contents) {
	t.Helper()
	l, c, err := spool.Open(dir, maxBytes, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return l, c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func appendBlock(t testing.TB, l *spool.Log, seq uint64) spool.Place {
	t.Helper()
	p, err := l.Append(block(seq))
	must(t, err)
	return p
}

// checkRead fails the test unless p is where block seq is.
func checkRead(t testing.TB, l *spool.Log, p spool.Place, seq uint64) {
	t.Helper()
	data, gzip, err := l.Read(p)
	want := block(seq)
	if err != nil || gzip != want.Gzip || !bytes.Equal(data, want.Data) {
		t.Fatalf("block %d: read %d bytes, %d, %v", seq, len(data), gzip, err)
	}
}

func seqs(c *spool.Contents) []uint64 {
	out := []uint64{}
	for _, b := range c.Blocks {
		out = append(out, b.Seq)
	}
	return out
}

func TestBlocksAreFoundAgainUntilTheyAreSettled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "spool")
	l, c := open(t, spool.Dir(dir), 1<<30)
	if len(c.Blocks) != 0 {
		t.Fatal("a new spool is not empty")
	}
	places := map[uint64]spool.Place{}
	for _, seq := range []uint64{5, 3, 9} {
		places[seq] = appendBlock(t, l, seq)
	}
	must(t, l.Commit())
	must(t, l.Settle(places[3], 3, spool.Run{Events: block(3).Events}, true))
	must(t, l.Settle(places[9], 9, spool.Run{From: 1, Events: 2}, false))
	must(t, l.Close())

	l, c = open(t, spool.Dir(dir), 1<<30)
	if got := seqs(c); !slices.Equal(got, []uint64{5, 9}) || c.LastSeq != 9 {
		t.Fatalf("found %v, last %d", got, c.LastSeq)
	}
	for _, b := range c.Blocks {
		checkRead(t, l, b.Place, b.Seq)
		if want := block(b.Seq); b.Events != want.Events || b.Gzip != want.Gzip {
			t.Errorf("%+v", b)
		}
	}
	n := block(9).Events
	if got, want := c.Blocks[1].Left, []spool.Run{{From: 0, Events: 1}, {From: 3, Events: n - 3}}; !slices.Equal(got, want) {
		t.Errorf("left %v, want %v", got, want)
	}
	for _, b := range c.Blocks {
		must(t, l.Settle(b.Place, b.Seq, spool.Run{Events: b.Events}, true))
	}
	must(t, l.Close())
	if names, err := spool.Dir(dir).List(); err != nil || !slices.Equal(names, []string{"lock"}) || l.Size() != 0 {
		t.Fatalf("left behind %v, %v, %d bytes", names, err, l.Size())
	}
}

func TestOnlyTheUserCanReadIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	l, _ := open(t, spool.Dir(dir), 1<<30)
	defer l.Close()
	appendBlock(t, l, 1)
	must(t, l.Commit())
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		must(t, err)
		info, err := d.Info()
		must(t, err)
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s: %v, want %v", path, info.Mode().Perm(), want)
		}
		return nil
	}))
}

func TestTwoProcessesDoNotShareIt(t *testing.T) {
	dir := spool.Dir(t.TempDir())
	l, _ := open(t, dir, 1<<30)
	if _, _, err := spool.Open(dir, 1<<30, quiet); !errors.Is(err, spool.ErrLocked) {
		t.Fatalf("a second Open: %v", err)
	}
	must(t, l.Close())
	l, _ = open(t, dir, 1<<30)
	must(t, l.Close())
}

func TestDirectoryThatCannotBeUsedIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, _, err := spool.Open(spool.Dir(file), 1<<30, quiet); err == nil || !strings.Contains(err.Error(), file) {
		t.Fatal(err)
	}
}

func TestOtherFilesAreLeftAlone(t *testing.T) {
	m := new(spooltest.Mem)
	names := []string{"README", "1-2.spool", "00000001-0123456789ABCDEF.spool", "00000001-0123456789abcdef.spool.bak", "-.spool"}
	for _, name := range names {
		m.Put(name, []byte("x"))
	}
	l, _ := open(t, m, 1<<30)
	p := appendBlock(t, l, 1)
	must(t, l.Settle(p, 1, spool.Run{Events: block(1).Events}, true))
	must(t, l.Close())
	if got, want := slices.Sorted(maps.Keys(m.Files())), slices.Sorted(slices.Values(names)); !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestSegmentsAreDeletedOldestFirst(t *testing.T) {
	m := new(spooltest.Mem)
	l, _ := open(t, m, 64<<10) // segments of 16 KiB
	defer l.Close()
	var places []spool.Place
	for seq := range uint64(120) {
		places = append(places, appendBlock(t, l, seq))
		must(t, l.Commit())
	}
	files := len(m.Files())
	if files < 3 {
		t.Fatalf("%d files", files)
	}
	for seq := uint64(119); seq > 0; seq-- {
		must(t, l.Settle(places[seq], seq, spool.Run{Events: block(seq).Events}, true))
	}
	must(t, l.Commit())
	must(t, l.Trim())
	if got := len(m.Files()); got != files {
		t.Fatalf("%d files of %d are left, the oldest is needed", got, files)
	}
	checkRead(t, l, places[0], 0)
	must(t, l.Settle(places[0], 0, spool.Run{Events: block(0).Events}, true))
	must(t, l.Commit())
	must(t, l.Trim())
	if got := len(m.Files()); got != 0 || l.Size() != 0 {
		t.Fatalf("%d files are left, %d bytes", got, l.Size())
	}
}

func TestFailuresTakeNoRoom(t *testing.T) {
	fits := func(l *spool.Log) (n int) {
		for seq := uint64(1); ; seq++ {
			_, err := l.Append(block(seq))
			if errors.Is(err, spool.ErrFull) {
				return n
			}
			must(t, err)
			n++
		}
	}
	l, _ := open(t, new(spooltest.Mem), 40<<10)
	want := fits(l)
	m := new(spooltest.Mem)
	l, _ = open(t, m, 40<<10)
	for i := range uint64(500) {
		m.Fail(func(_ int, op string) error {
			if op == "sync" || op == "remove" && i%2 == 0 {
				return spooltest.ErrDisk
			}
			return nil
		})
		if _, err := l.Append(block(i)); err == nil && l.Commit() == nil {
			t.Fatal("no error")
		}
		m.Fail(nil)
		must(t, l.Trim())
	}
	if got := fits(l); got != want || len(m.Files()) != 1 {
		t.Fatalf("%d blocks fit, %d before the failures; %d files", got, want, len(m.Files()))
	}
}

func TestFullSpoolTakesNoMoreBlocksButTheirNotes(t *testing.T) {
	const bound = 40 << 10
	m := new(spooltest.Mem)
	l, _ := open(t, m, bound)
	defer l.Close()
	places := map[uint64]spool.Place{}
	for seq := uint64(1); ; seq++ {
		p, err := l.Append(block(seq))
		if errors.Is(err, spool.ErrFull) {
			break
		}
		must(t, err)
		places[seq] = p
	}
	must(t, l.Commit())
	for seq, p := range places {
		must(t, l.Settle(p, seq, spool.Run{Events: 1}, false))
		must(t, l.Settle(p, seq, spool.Run{Events: block(seq).Events}, true))
		must(t, l.Commit())
		size := int64(0)
		for _, data := range m.Files() {
			size += int64(len(data))
		}
		if size > bound || size != l.Size() {
			t.Fatalf("%d bytes on disk, %d said, bound %d", size, l.Size(), bound)
		}
	}
	if len(places) < 50 {
		t.Fatalf("only %d blocks fitted", len(places))
	}
	must(t, l.Trim())
	appendBlock(t, l, 1)
}
