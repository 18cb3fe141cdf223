package platform_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"

	"github.com/cockroachdb/pebble/v2"
	"github.com/gatemeter/gatemeter/platform"
)

func verify(t *testing.T, dir string) (platform.Verified, string) {
	t.Helper()
	v, err := platform.Verify(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := v.Write(&b); err != nil {
		t.Fatal(err)
	}
	return v, b.String()
}

// filled is a data directory with events, actions, duplicates and refused items.
func filled(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s := start(t, dir)
	event := func(id string) string {
		return strings.TrimSuffix(call(ago(time.Minute, time.RFC3339Nano), 200, "ada", "acme"), "}") + `,"transaction_id":"` + id + `"}`
	}
	s.collect("/v1/events/batch", "["+event("a")+","+event("b")+","+event("a")+`,{"no":1}]`)
	s.collect("/v1/actions", `{"action_name":"x","request":{"uri":"https://a.test/"}}`)
	var books struct{ Apps []struct{ Stored int64 } }
	eventually(t, "all is stored", func() bool {
		s.ask("/pipeline", &books)
		return len(books.Apps) == 1 && books.Apps[0].Stored == 3
	})
	if _, err := platform.Verify(t.Context(), dir, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "another gatemeter uses it") {
		t.Errorf("verified while it runs: %v", err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// tree is the content of every file, but for the locks.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.EqualFold(d.Name(), "lock") || strings.HasSuffix(d.Name(), "-shm") || strings.HasSuffix(d.Name(), "-wal") {
			return err
		}
		b, err := os.ReadFile(path)
		files[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestVerifyTellsWhatIsWrongInADamagedCopy(t *testing.T) {
	dir := filled(t)
	before := tree(t, dir)
	v, text := verify(t, dir)
	if len(v.Faults) > 0 || v.Store.Events != 2 || v.Store.Actions != 1 || v.Journal.IDs != 2 {
		t.Fatalf("a sound directory:\n%s", text)
	}
	for _, want := range []string{"received 5 = stored 3 + duplicate 1 + rejected 1 + dropped 0 + in flight 0", "2 events, 0 bodies, 1 actions", "everything fits together"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	after := tree(t, dir)
	for path, content := range before {
		if after[path] != content {
			t.Errorf("%s was changed", path)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files became %d", len(before), len(after))
	}

	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		want   string
	}{
		"a row less": {func(t *testing.T, dir string) {
			t.Helper()
			duck(t, dir, "DELETE FROM events WHERE transaction_id = 'a'")
		},
			"received 5 items, of which 4 are accounted for"},
		"a row twice": {func(t *testing.T, dir string) {
			t.Helper()
			duck(t, dir, "INSERT INTO events SELECT * FROM events WHERE transaction_id = 'a'")
		},
			"event a of"},
		"a body without event": {func(t *testing.T, dir string) {
			t.Helper()
			duck(t, dir, "INSERT INTO bodies (app, transaction_id, time) VALUES ('x', 'lost', now()::TIMESTAMP)")
		}, "the body of event lost of x has no event"},
		"a lost journal": {func(t *testing.T, dir string) {
			t.Helper()
			must(t, os.RemoveAll(filepath.Join(dir, "journal")))
			keys(t, dir, func(*pebble.Batch) error { return nil })
		}, "it was lost or is older than the store"},
		"no journal": {func(t *testing.T, dir string) { t.Helper(); must(t, os.RemoveAll(filepath.Join(dir, "journal"))) }, "journal: open journal"},
		"a block that does not decode": {func(t *testing.T, dir string) {
			t.Helper()
			keys(t, dir, func(b *pebble.Batch) error {
				return errors.Join(b.Set([]byte("h\x00\x00\x00\x00\x00\x00\x00\x07"), []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01app"), nil),
					b.Set([]byte("b\x00\x00\x00\x00\x00\x00\x00\x07"), []byte("nonsense"), nil))
			})
		}, "block 7: does not decode"},
		"a block without head": {func(t *testing.T, dir string) {
			t.Helper()
			keys(t, dir, func(b *pebble.Batch) error {
				return b.Set([]byte("b\x00\x00\x00\x00\x00\x00\x00\x09"), []byte("x"), nil)
			})
		}, "block 9 has no head"},
		"an id that is none": {func(t *testing.T, dir string) {
			t.Helper()
			keys(t, dir, func(b *pebble.Batch) error { return b.Set([]byte("iffff"), []byte("x"), nil) })
		}, "remembered id"},
		"a damaged table": {func(t *testing.T, dir string) { t.Helper(); damage(t, dir, "journal/*.sst") }, "journal:"},
		"a damaged store": {func(t *testing.T, dir string) { t.Helper(); damage(t, dir, "events.duckdb") }, "events.duckdb:"},
		"a damaged state": {func(t *testing.T, dir string) { t.Helper(); damage(t, dir, "state.db") }, "state.db:"},
		"no state":        {func(t *testing.T, dir string) { t.Helper(); must(t, os.Remove(filepath.Join(dir, "state.db"))) }, "state.db:"},
	} {
		t.Run(name, func(t *testing.T) {
			copied := t.TempDir()
			must(t, os.CopyFS(copied, os.DirFS(dir)))
			c.damage(t, copied)
			v, text := verify(t, copied)
			if len(v.Faults) == 0 || !strings.Contains(text, "wrong: ") || !strings.Contains(text, c.want) {
				t.Errorf("%q is not in\n%s", c.want, text)
			}
		})
	}
	if _, err := platform.Verify(context.Background(), filepath.Join(dir, "none"), slog.Default()); err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("no directory: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func duck(t *testing.T, dir, statement string) {
	t.Helper()
	db, err := sql.Open("duckdb", filepath.Join(dir, "events.duckdb"))
	must(t, err)
	_, err = db.Exec(statement)
	must(t, errors.Join(err, db.Close()))
}

func keys(t *testing.T, dir string, change func(b *pebble.Batch) error) {
	t.Helper()
	db, err := pebble.Open(filepath.Join(dir, "journal"), &pebble.Options{FormatMajorVersion: pebble.FormatNewest, Logger: silent{}})
	must(t, err)
	b := db.NewBatch()
	must(t, change(b))
	must(t, errors.Join(b.Commit(pebble.Sync), db.Flush(), db.Close()))
}

type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(string, ...any) {}

// damage changes bytes in the middle of a file.
func damage(t *testing.T, dir, pattern string) {
	t.Helper()
	if strings.HasPrefix(pattern, "journal") {
		keys(t, dir, func(b *pebble.Batch) error { return b.Set([]byte("m\x00"), bytes.Repeat([]byte("x"), 10000), nil) })
	}
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if must(t, err); len(files) == 0 {
		t.Fatalf("no file %s", pattern)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		must(t, err)
		for i := len(b) / 5; i < len(b)*4/5; i++ {
			b[i] ^= 0x55
		}
		must(t, os.WriteFile(path, b, 0o600))
	}
}
