package queue

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gatemeter/gatemeter/moesif/queue/spool/spooltest"
)

func TestSaveSaysWhatCouldNotBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(spooltest.Mem)
		m.Fail(func(_ int, op string) error {
			if op == "write" {
				return spooltest.ErrDisk
			}
			return nil
		})
		q, err := openIn(Options{Spool: Spool{Dir: "/spool"}}, m)
		if err != nil {
			t.Fatal(err)
		}
		putAll(q, span(0, 7))
		saved, err := q.Save()
		const want = "queue: 7 events could not be kept in /spool: write: input/output error"
		if err == nil || err.Error() != want || saved.Events != 0 {
			t.Fatalf("saved %+v: %v, want %s", saved, err, want)
		}
		q = onDisk(t, new(spooltest.Mem), Options{BatchSize: 1, Spool: Spool{MaxBytes: 1000}})
		putAll(q, span(0, 20))
		saved, err = q.Save()
		if err == nil || !strings.HasSuffix(err.Error(), "the spool is full: raise spool_max_bytes") || saved.Events == 0 || saved.Events > 10 {
			t.Fatalf("saved %+v: %v", saved, err)
		}
	})
}

func TestWhatIsSavedComesFirstAfterTheRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	o := Options{BatchSize: 4, Spool: Spool{Dir: dir}}
	q := open(t, o)
	putAll(q, span(0, 10))
	first, err := q.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := q.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, b := first.Split()
	q.Return(second)
	q.Return(b)
	q.Done(a, nil)
	saved, err := q.Save()
	if err != nil || saved != (Saved{Events: 8, Dir: dir}) {
		t.Fatal(saved, err)
	}
	if again, err := q.Save(); again != saved || err != nil {
		t.Fatal(again, err)
	}
	if s := balance(t, q, 10); s.Sent != 2 || s.Spooled != 8 {
		t.Fatalf("%+v", s)
	}

	q = open(t, o)
	if s := balance(t, q, 0); s.Recovered != 8 || s.Spooled != 8 || s.Queued != 8 {
		t.Fatalf("%+v", s)
	}
	putAll(q, span(10, 14))
	q.Close()
	var got [][]int
	for {
		b, err := q.Take(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		got = append(got, ids(t, b))
		q.Done(b, nil)
	}
	if want := [][]int{{2, 3}, span(4, 8), {8, 9}, span(10, 14)}; !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if saved, err := q.Save(); err != nil || saved.Events != 0 {
		t.Fatal(saved, err)
	}
	if s := balance(t, q, 4); s.Sent != 12 || s.SpooledBytes != 0 {
		t.Fatalf("%+v", s)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
}

func TestDamagedEventsAreInTheBooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(spooltest.Mem)
		q, err := openIn(Options{BatchSize: 5, Spool: Spool{Dir: "/spool"}}, m)
		if err != nil {
			t.Fatal(err)
		}
		putAll(q, span(0, 10))
		if _, err := q.Save(); err != nil {
			t.Fatal(err)
		}
		next := new(spooltest.Mem)
		for name, data := range m.Files() {
			data[16+60] ^= 1
			next.Put(name, data)
		}
		q, err = openIn(Options{Spool: Spool{Dir: "/spool"}}, next)
		if err != nil {
			t.Fatal(err)
		}
		defer q.Save()
		if s := balance(t, q, 0); s.Recovered != 10 || s.Dropped[DroppedDamaged] != 5 || s.Queued != 5 {
			t.Fatalf("%+v", s)
		}
		if got := ready(t, q); !reflect.DeepEqual(got, [][]int{span(5, 10)}) {
			t.Fatal(got)
		}
	})
}

func TestSpoolOfAnotherProcessIsAnError(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Spool: Spool{Dir: dir}})
	defer q.Save()
	_, err := Open(Options{Spool: Spool{Dir: dir}})
	if want := "queue: spool_dir " + dir + ": another process uses it: give each its own"; err == nil || err.Error() != want {
		t.Fatalf("got %v, want %s", err, want)
	}
}
