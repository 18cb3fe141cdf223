package access_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite"
)

// Whoever could sign in before there were roles could do everything, and still can.
func TestUpgradeMakesThePersonOfBeforeTheOwner(t *testing.T) {
	dir := t.TempDir()
	old, err := sql.Open("sqlite", filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, old, os.DirFS("../state/migrations"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`INSERT INTO applications (id, name, application_id, created_at) VALUES ('app_1', 'My API', 'an-id-of-before-there-were-others', 1)`,
		`INSERT INTO people (id, email, password_hash, password_at, created_at) VALUES ('person_1', 'ada@example.com', 'x', 1, 1)`,
	} {
		if _, err := old.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	g := openGate(t, dir, access.Options{})
	people, err := g.People(t.Context())
	if err != nil || len(people) != 1 || people[0].Role != access.Owner || !people[0].Password {
		t.Errorf("got %+v, %v", people, err)
	}
	app, ok := g.ByApplicationID("an-id-of-before-there-were-others")
	if !ok || app.ID != "app_1" || app.Rate != 0 || !app.RevokedAt.IsZero() {
		t.Errorf("got %+v, %v", app, ok)
	}
}
