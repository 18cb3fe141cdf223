package state_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gatemeter/gatemeter/platform/state"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string) *state.DB {
	t.Helper()
	db, err := state.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestDatabaseIsDurableAndClosedToOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state with space?.db")
	db := open(t, path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode().Perm())
	}
	err = db.Write(t.Context(), func(tx *sql.Tx) error {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
			var got string
			if err := tx.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil {
				return err
			}
			if got != want {
				t.Errorf("%s = %s, want %s", pragma, got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestReadersCanNotWrite(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	if _, err := db.Reader().Exec("DELETE FROM people"); err == nil {
		t.Error("a reader wrote")
	}
}

func TestConcurrentWritesNeverMeetABusyDatabase(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	insert := func(i int) error {
		return db.Write(context.Background(), func(tx *sql.Tx) error {
			var n int
			if err := tx.QueryRow("SELECT count(*) FROM companies").Scan(&n); err != nil {
				return err
			}
			_, err := tx.Exec("INSERT INTO companies (app, id) VALUES ('a', ?)", i)
			return err
		})
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := insert(i); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var n int
	if err := db.Reader().QueryRow("SELECT count(*) FROM companies").Scan(&n); err != nil || n != 20 {
		t.Errorf("%d rows (%v), want 20", n, err)
	}
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	stop := errors.New("stop")
	err := db.Write(t.Context(), func(tx *sql.Tx) error {
		if _, err := tx.Exec("INSERT INTO companies (app, id) VALUES ('a', 'b')"); err != nil {
			return err
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Fatalf("got %v", err)
	}
	var n int
	if err := db.Reader().QueryRow("SELECT count(*) FROM companies").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows (%v), want 0", n, err)
	}
}

func TestOpeningAgainKeepsWhatWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	first, err := state.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	err = first.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO companies (app, id) VALUES ('a', 'b')")
		return err
	})
	if err := errors.Join(err, first.Close()); err != nil {
		t.Fatal(err)
	}
	var id string
	if err := open(t, path).Reader().QueryRow("SELECT id FROM companies").Scan(&id); err != nil || id != "b" {
		t.Errorf("got %q (%v), want b", id, err)
	}
}

func TestStatementsAreFoundByName(t *testing.T) {
	qs := state.ParseQueries("-- a file\n-- name: one\nSELECT 1;\n\n-- name: two\n-- why\nSELECT 2;\n")
	if got := qs.Get("one"); got != "SELECT 1;" {
		t.Errorf("got %q", got)
	}
	if got := qs.Get("two"); got != "-- why\nSELECT 2;" {
		t.Errorf("got %q", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("a missing statement did not panic")
		}
	}()
	qs.Get("three")
}
