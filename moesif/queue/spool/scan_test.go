package spool_test

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatemeter/gatemeter/moesif/queue/spool"
	"github.com/gatemeter/gatemeter/moesif/queue/spool/spooltest"
)

// segment is the only file of a spool with the blocks 1 to n, the second settled.
func segment(t testing.TB, n uint64) (name string, data []byte) {
	t.Helper()
	m := new(spooltest.Mem)
	l, _ := open(t, m, 1<<30)
	var second spool.Place
	for seq := range n {
		if p := appendBlock(t, l, seq+1); seq == 1 {
			second = p
		}
	}
	if n >= 2 {
		must(t, l.Settle(second, 2, spool.Run{Events: block(2).Events}, true))
	}
	must(t, l.Close())
	for name, data = range m.Files() {
	}
	return name, data
}

func TestDamagedPartsAreSkippedAndTheRestIsRecovered(t *testing.T) {
	name, whole := segment(t, 4)
	first := 16 + 40 + len(block(1).Data) // where block 2 begins
	flip := func(at int) []byte {
		data := slices.Clone(whole)
		data[at] ^= 1
		return data
	}
	for _, c := range []struct {
		what    string
		data    []byte
		found   []uint64
		damaged int
		offset  string
	}{
		{"whole", whole, []uint64{1, 3, 4}, 0, ""},
		{"empty", nil, []uint64{}, 0, ""},
		{"torn in the header", whole[:9], []uint64{}, 0, "offset=0"},
		{"torn in a record's header", whole[:first+20], []uint64{1}, 0, "offset="},
		{"torn in the data", whole[:first-1], []uint64{}, block(1).Events, "offset=16"},
		{"zeros at the end", append(slices.Clone(whole), make([]byte, 9000)...), []uint64{1, 3, 4}, 0, "bytes=9000"},
		{"segment header", flip(3), []uint64{1, 3, 4}, 0, "offset=0 bytes=16"},
		{"version", flip(8), []uint64{1, 3, 4}, 0, "offset=0"},
		{"data in the middle", flip(16 + 50), []uint64{3, 4}, block(1).Events, "offset=16"},
		{"header in the middle", flip(16 + 20), []uint64{3, 4}, 0, "offset=16"},
		{"the note", flip(len(whole) - 1), []uint64{1, 2, 3, 4}, 0, "bytes=40"},
		{"bytes are missing", slices.Delete(slices.Clone(whole), 70, 75), []uint64{3, 4}, block(1).Events, "offset=16"},
		{"bytes too many", slices.Insert(slices.Clone(whole), first, 1, 2, 3), []uint64{1, 3, 4}, 0, "bytes=3"},
		{"garbage", []byte(strings.Repeat("\xd3rec", 5000)), []uint64{}, 0, "bytes=20000"},
	} {
		t.Run(c.what, func(t *testing.T) {
			m := new(spooltest.Mem)
			m.Put(name, c.data)
			var lines logged
			l, found, err := spool.Open(m, 1<<30, slog.New(&lines))
			if err != nil {
				t.Fatal(err)
			}
			if got := seqs(found); !slices.Equal(got, c.found) || found.Damaged != int64(c.damaged) {
				t.Errorf("found %v and %d damaged events, want %v and %d", got, found.Damaged, c.found, c.damaged)
			}
			for _, b := range found.Blocks {
				checkRead(t, l, b.Place, b.Seq)
			}
			if (len(lines) == 1) != (c.offset != "") || len(lines) == 1 && (!strings.Contains(lines[0], c.offset) || !strings.Contains(lines[0], name)) {
				t.Errorf("logged %q, want %q in it", lines, c.offset)
			}
			for _, b := range found.Blocks {
				must(t, l.Settle(b.Place, b.Seq, spool.Run{Events: b.Events}, true))
			}
			must(t, l.Close())
			if len(m.Files()) != 0 {
				t.Error("the file is left behind")
			}
		})
	}
}

// logged is what was logged, in words.
type logged []string

func (l *logged) Enabled(context.Context, slog.Level) bool { return true }
func (l *logged) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logged) WithGroup(string) slog.Handler            { return l }
func (l *logged) Handle(_ context.Context, r slog.Record) error {
	words := r.Message
	r.Attrs(func(a slog.Attr) bool { words += " " + a.String(); return true })
	*l = append(*l, words)
	return nil
}

func TestNewerFormatIsRefused(t *testing.T) {
	const name = "00000001-00000000000000ff.spool"
	data := binary.LittleEndian.AppendUint32([]byte("GMSPOOL\n"), 2)
	crc := crc32.Checksum(append([]byte{0xff, 0, 0, 0, 0, 0, 0, 0}, data...), crc32.MakeTable(crc32.Castagnoli))
	m := new(spooltest.Mem)
	m.Put(name, binary.LittleEndian.AppendUint32(data, crc))
	for range 2 { // nothing stays locked
		_, _, err := spool.Open(m, 1<<30, quiet)
		if err == nil || errors.Is(err, spool.ErrLocked) || !strings.Contains(err.Error(), name+": its format has version 2") {
			t.Fatal(err)
		}
	}
	if len(m.Files()) != 1 {
		t.Fatal("the file is gone")
	}
}

// What cannot be read for now is not deleted.
func TestUnreadableFileIsLeftAlone(t *testing.T) {
	name, data := segment(t, 4)
	for at := 3; at < 14; at++ {
		m := new(spooltest.Mem)
		m.Fail(func(n int, op string) error {
			if n >= at && (op == "open" || op == "read") {
				return spooltest.ErrDisk
			}
			return nil
		})
		m.Put(name, data)
		l, found := open(t, m, 1<<30)
		for _, b := range found.Blocks {
			must(t, l.Settle(b.Place, b.Seq, spool.Run{Events: b.Events}, true))
		}
		must(t, l.Close())
		if len(m.Files()[name]) != len(data) {
			t.Fatalf("failing from operation %d on: the file is gone", at)
		}
	}
}

// However a segment is damaged, what is found of it is right.
func TestDamageNeverMakesAWrongBlock(t *testing.T) {
	name, whole := segment(t, 12)
	rapid.Check(t, func(rt *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		data := slices.Clone(whole)
		for range rapid.IntRange(1, 5).Draw(rt, "times") {
			at := rnd.IntN(len(data) + 1)
			end := min(len(data), at+rnd.IntN(200))
			switch rnd.IntN(6) {
			case 0:
				data = data[:at]
			case 1:
				data = slices.Delete(data, at, end)
			case 2:
				clear(data[at:end])
			case 3:
				data = slices.Insert(data, at, whole[:min(len(whole), rnd.IntN(400))]...)
			case 4:
				data = slices.Insert(data, at, data[at:end]...)
			default:
				for i := at; i < end; i += 1 + rnd.IntN(50) {
					data[i] ^= 1 << rnd.IntN(8)
				}
			}
			if len(data) == 0 {
				break
			}
		}
		m := new(spooltest.Mem)
		m.Put(name, data)
		l, found := open(t, m, 1<<30)
		last := uint64(0)
		for _, b := range found.Blocks {
			if b.Seq <= last || b.Seq > 12 || b.Events != block(b.Seq).Events {
				rt.Fatalf("%+v after block %d", b, last)
			}
			last = b.Seq
			checkRead(t, l, b.Place, b.Seq)
		}
		must(t, l.Close())
	})
}

func FuzzSegment(f *testing.F) {
	name, data := segment(f, 3)
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte("GMSPOOL\n\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := new(spooltest.Mem)
		m.Put(name, data)
		l, found := open(t, m, 1<<30)
		for _, b := range found.Blocks {
			if read, gzip, err := l.Read(b.Place); err != nil || gzip > len(read) || b.Events > len(read)-gzip {
				t.Fatalf("%+v: %d bytes, %d gzip, %v", b, len(read), gzip, err)
			}
			must(t, l.Settle(b.Place, b.Seq, b.Left[0], len(b.Left) == 1))
		}
		must(t, l.Close())
	})
}
