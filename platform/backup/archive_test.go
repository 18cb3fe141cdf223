package backup

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func archiveOf(t testing.TB) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"state.db": "s", "events.duckdb": "e", "events.duckdb.wal": "w", "journal/000001.log": "j", "secrets": "x", "lock": ""} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := Pack(t.Context(), dir, "test", time.Unix(0, 0), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestABackupHoldsTheDataAndNoSecrets(t *testing.T) {
	m, err := Check(bytes.NewReader(archiveOf(t)))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Files) != 4 || m.Files["journal/000001.log"].Bytes != 1 || m.Files["secrets"].Bytes != 0 {
		t.Errorf("%+v", m)
	}
}

func TestAnArchiveThatEndsEarlyIsNoBackup(t *testing.T) {
	whole := archiveOf(t)
	end := bytes.LastIndexByte(whole, '}') // of the manifest: only padding follows
	for n := 0; n <= end; n += 256 {
		dir := t.TempDir()
		if _, err := Restore(bytes.NewReader(whole[:n]), dir); !errors.Is(err, ErrBroken) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			t.Fatalf("%d of %d bytes: restored", n, len(whole))
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Fatalf("%d of %d bytes: left behind %v", n, len(whole), left)
		}
	}
}

func TestForeignArchivesAreRefused(t *testing.T) {
	for name, want := range map[string]string{
		"../state.db":           `"../state.db" does not belong into one`,
		"/etc/passwd":           `"/etc/passwd" does not belong into one`,
		"journal/../../x":       "does not belong into one",
		"journal/a/b":           "does not belong into one",
		"secrets":               "does not belong into one",
		"state.db\x00":          "does not belong into one",
		"journal/.hidden":       "does not belong into one",
		"events.duckdb.tmp/wal": "does not belong into one",
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 1, Mode: 0o600}); err != nil {
			continue // tar does not take it either
		}
		if _, err := w.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Check(&b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func FuzzRestore(f *testing.F) {
	whole := archiveOf(f)
	f.Add(whole)
	f.Add(whole[:1024])
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if _, err := Restore(bytes.NewReader(data), filepath.Join(dir, "data")); err != nil {
			left, _ := os.ReadDir(filepath.Join(dir, "data"))
			if len(left) > 0 {
				t.Errorf("left behind %v", left)
			}
		}
		if out, _ := os.ReadDir(dir); len(out) > 1 {
			t.Errorf("it wrote beside its directory: %v", out)
		}
	})
}
