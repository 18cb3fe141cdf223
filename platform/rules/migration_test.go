package rules

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
)

func TestADatabaseOfTheVersionBeforeGetsRules(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	old, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	migrateTo(t, old, 1)
	_, err = old.Exec(`INSERT INTO applications (id, name, application_id, created_at) VALUES ('app', 'My API', 'secret', 1);
		INSERT INTO users (app, id, company_id, profile) VALUES ('app', 'ada', 'acme', '{"metadata":{"name":"Ada"}}')`)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}

	db := openState(t, path)
	r := New(db, time.Now)
	create(t, r, userRule("r", "ada"))
	if got := servedIDs(t, r); len(got) != 1 {
		t.Errorf("serves %v", got)
	}
	var name string
	err = db.Reader().QueryRow("SELECT profile ->> '$.metadata.name' FROM users WHERE app = 'app' AND id = 'ada'").Scan(&name)
	if err != nil || name != "Ada" {
		t.Errorf("the user before is %q (%v)", name, err)
	}
}

func migrateTo(t *testing.T, db *sql.DB, version int64) {
	t.Helper()
	p, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("../state/migrations"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
}
