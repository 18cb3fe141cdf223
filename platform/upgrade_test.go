package platform_test

import (
	"database/sql"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// What the release before had: migrations of the state, and of the event store.
const (
	previousState  = 2
	previousEvents = 1
)

// previous writes a data directory as the release before left it: its schema,
// and a row in each of its tables that matters.
func previous(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	state, err := sql.Open("sqlite", filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	migrations, err := goose.NewProvider(goose.DialectSQLite3, state, os.DirFS("state/migrations"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrations.UpTo(t.Context(), previousState); err != nil {
		t.Fatal(err)
	}
	run := func(db *sql.DB, statements ...string) {
		t.Helper()
		for _, s := range statements {
			if _, err := db.ExecContext(t.Context(), s); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
	}
	run(state,
		`INSERT INTO applications (id, name, application_id, created_at) VALUES ('app_before', 'Before', 'an-application-id-of-before', 1)`,
		`INSERT INTO people (id, email, password_hash, password_at, created_at) VALUES ('person_1', 'owner@shop.example', 'x', 1, 1)`,
		`INSERT INTO users (app, id, company_id, profile) VALUES ('app_before', 'ada', 'acme', '{"metadata":{"name":"Ada"}}')`,
		`INSERT INTO companies (app, id) VALUES ('app_before', 'acme')`,
		`INSERT INTO rules (app, id, enabled, document, customers_hash, bytes, updated_at) VALUES ('app_before', '64ca685a833073c6b41b15f3', 1,
			'{"_id":"64ca685a833073c6b41b15f3","name":"Before","type":"regex","status":true,"block":true,"applied_to":"matching","regex_config":[{"conditions":[{"path":"request.route","value":"^/never"}]}],"response":{"status":451,"headers":{},"body":{}}}', '', 10, 1)`,
	)
	store, err := sql.Open("duckdb", filepath.Join(dir, "events.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	files, err := fs.Glob(os.DirFS("."), "events/migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	run(store, `CREATE TABLE schema_version (version INTEGER NOT NULL)`)
	for _, file := range files[:previousEvents] {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		run(store, string(text), `INSERT INTO schema_version VALUES (1)`)
	}
	run(store, `INSERT INTO events (app, transaction_id, time, received_at, ahead, late, duration_us, user_id, company_id, verb, path, route,
			route_guessed, status, answered, weight, identity, request_headers, response_headers)
		SELECT 'app_before', 'before-' || i, (now() AT TIME ZONE 'UTC') - to_hours(i), (now() AT TIME ZONE 'UTC') - to_hours(i), false, false, 1000 * i, 'ada', 'acme', 'GET', '/orders/7', '/orders/{id}',
			false, 200, true, 1, 'claimed', '{}', '{}'
		FROM range(1, 49) r(i)`,
		`INSERT INTO bodies (app, transaction_id, time, request_body) SELECT app, transaction_id, time, '{"kept":true}' FROM events`)
	return dir
}

func TestADataDirectoryOfTheReleaseBeforeIsOpened(t *testing.T) {
	s := start(t, previous(t))
	eventually(t, "it is ready", func() bool { return s.do(http.MethodGet, "/readyz", "").status == http.StatusOK })

	// Every page's question, by what the console asks.
	var answer any
	for _, path := range []string{
		"/apps", "/pipeline", "/events", "/events/before-1", "/usage/series?by=company&from=-3d", "/usage/top?by=route&from=-3d", "/usage/top?by=user&from=-30d",
		"/companies", "/companies/acme", "/users", "/users/ada", "/rules", "/rules/64ca685a833073c6b41b15f3", "/config", "/retention", "/erasures",
	} {
		s.ask(path, &answer)
	}
	var top struct{ Total struct{ Calls int64 } }
	s.ask("/usage/top?by=company&from="+url.QueryEscape(time.Now().Add(-96*time.Hour).UTC().Format(time.RFC3339)), &top)
	if top.Total.Calls != 48 {
		t.Errorf("%d of 48 calls are counted", top.Total.Calls)
	}
	list := s.events("?limit=1000")
	if len(list.Events) != 48 || list.Events[0].TransactionID != "before-1" || list.Events[0].Request.Body == nil {
		t.Errorf("%d events, the first %+v", len(list.Events), list.Events[0])
	}
	if b := s.books().Apps[0]; b.Stored != 48 {
		t.Errorf("books %+v", b)
	}
	// What comes in now is stored beside.
	s.collect("/v1/events", call(ago(time.Second, goTime), 200, "ada", "acme"))
	eventually(t, "one more event", func() bool { return len(s.events("?limit=1000").Events) == 49 })
}
