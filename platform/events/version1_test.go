package events

import (
	"database/sql"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
)

// writeVersion1 writes a file as the first schema had it, with n events: the
// calls of u0 to u9 in turn, one a second up to noon, half of them of c0, the
// others of c1 and c2.
func writeVersion1(t *testing.T, path string, n int) {
	t.Helper()
	db, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	first, err := migrations.ReadFile("migrations/0001_events.sql")
	if err != nil {
		t.Fatal(err)
	}
	run := func(sql string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	run(statement("schema_version"))
	run(string(first))
	run(statement("schema_applied"), 1)
	run(`
INSERT INTO events
SELECT 'a', 'id' || i, t, t, false, false, 1000 + i % 100, 'u' || i % 10, 'c' || CASE WHEN i % 2 = 0 THEN 0 ELSE 1 + i // 2 % 2 END, NULL, NULL,
       'GET', 'https', 'h', '/o/' || i, NULL, NULL, '/o/{id}', true, 200, true, NULL, NULL, NULL, NULL, 'Incoming', 7, 9, 1, NULL, NULL, 'claimed',
       '{"A":"b"}', '{}', NULL
FROM (SELECT i, make_timestamp(?::BIGINT - (? - 1 - i) * 1000000) AS t FROM range(?) AS r(i))`, noon.UnixMicro()-1, n, n)
	run(`
INSERT INTO bodies
SELECT app, transaction_id, time, '{"n":' || substr(transaction_id, 3) || '}', NULL, NULL, NULL FROM events`)
	run("UPDATE position SET seq = 41")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
