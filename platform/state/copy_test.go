package state_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
)

func TestACopyHoldsWhatWasCommittedAndIsClosedToOthers(t *testing.T) {
	dir := t.TempDir()
	db := open(t, filepath.Join(dir, "state.db"))
	add := func(id string) {
		t.Helper()
		err := db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), "INSERT INTO companies (app, id) VALUES ('a', ?)", id)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	add("before")
	path := filepath.Join(dir, "copy of state.db")
	if err := db.CopyTo(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	add("after")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	var ids string
	err := open(t, path).Reader().QueryRowContext(t.Context(), "SELECT group_concat(id) FROM companies").Scan(&ids)
	if err != nil || ids != "before" {
		t.Errorf("%q, %v", ids, err)
	}
	if err := db.CopyTo(t.Context(), path); err == nil {
		t.Error("it wrote over a file")
	}
}
