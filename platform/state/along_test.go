package state_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/gatemeter/gatemeter/platform/state"
)

func TestWhatGoesAlongIsWrittenOnceAndOnlyWithTheChange(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	insert := func(app string) func(context.Context, *sql.Tx) error {
		return func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO companies (app, id) VALUES (?, hex(randomblob(8)))", app)
			return err
		}
	}
	rows := func(app string) (n int) {
		t.Helper()
		if err := db.Reader().QueryRow("SELECT count(*) FROM companies WHERE app = ?", app).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	ctx, done := state.Along(t.Context(), insert("along"))
	stop := errors.New("stop")
	if err := db.Write(ctx, func(*sql.Tx) error { return stop }); !errors.Is(err, stop) || done() || rows("along") != 0 {
		t.Fatalf("a change that failed: %v, done %v, %d rows along", err, done(), rows("along"))
	}
	for range 2 {
		if err := db.Write(ctx, func(tx *sql.Tx) error { return insert("change")(ctx, tx) }); err != nil {
			t.Fatal(err)
		}
	}
	if !done() || rows("along") != 1 || rows("change") != 2 {
		t.Errorf("done %v, %d rows along of %d changes", done(), rows("along"), rows("change"))
	}

	ctx, done = state.Along(t.Context(), func(context.Context, *sql.Tx) error { return stop })
	if err := db.Write(ctx, func(tx *sql.Tx) error { return insert("unseen")(ctx, tx) }); !errors.Is(err, stop) || done() || rows("unseen") != 0 {
		t.Errorf("what goes along failed: %v, done %v, %d rows", err, done(), rows("unseen"))
	}
}
