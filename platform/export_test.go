package platform_test

import (
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2" // reads Parquet back
)

func TestEventsAreExportedInThreeFormats(t *testing.T) {
	s := start(t, t.TempDir())
	evil := `O'Brien, "x"; DROP TABLE events`
	for i, user := range []string{"ada", evil, "cleo"} {
		e := call(ago(time.Duration(i+1)*time.Second, goTime), 200, user, "acme")
		if user == evil {
			e = strings.Replace(call(ago(2*time.Second, goTime), 404, "EVIL", "acme"), `"EVIL"`, string(mustHave(json.Marshal(evil))), 1)
		}
		e = strings.Replace(e, `"verb":"GET"`, `"verb":"POST","body":{"card":"`+user[:1]+`"}`, 1)
		s.collect("/v1/events", strings.Replace(e, `"user_id"`, `"transaction_id":"id-`+user[:1]+`","user_id"`, 1))
	}
	eventually(t, "three events", func() bool { return len(s.events("").Events) == 3 })
	get := func(query string) answer {
		t.Helper()
		return s.do(http.MethodGet, "/api/v1/events/export?"+query, "", "Authorization", "Bearer "+adminToken)
	}

	var would struct{ Events, Bytes, Most int64 }
	s.ask("/events/export/preview?format=csv&user_id=ada", &would)
	if would.Events != 1 || would.Bytes < 100 || would.Most != 10_000_000 {
		t.Errorf("preview %+v", would)
	}
	s.ask("/events/export/preview?bodies=true", &would)
	if would.Events != 3 || would.Most != 0 {
		t.Errorf("preview of NDJSON %+v", would)
	}

	lines := strings.Split(strings.TrimSpace(string(get("format=ndjson&bodies=true").body)), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], `"user_id":"ada"`) || !strings.Contains(lines[0], `"card":"a"`) {
		t.Errorf("NDJSON %q", lines)
	}
	for _, line := range lines { // what was exported can be sent again: duplicates all
		s.collect("/v1/events", line)
	}
	if b := s.books().Apps[0]; b.Duplicate != 3 {
		t.Errorf("books %+v", b)
	}

	rows, err := csv.NewReader(strings.NewReader(string(get("format=csv&status=404").body))).ReadAll()
	if err != nil || len(rows) != 2 || rows[0][4] != "user_id" || rows[1][4] != evil || !strings.HasSuffix(rows[1][0], "Z") {
		t.Errorf("CSV %q, %v", rows, err)
	}

	file := filepath.Join(t.TempDir(), "events.parquet")
	if err := os.WriteFile(file, get("format=parquet&bodies=true&company_id=acme").body, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var users, bodies string
	err = db.QueryRowContext(t.Context(), "SELECT string_agg(user_id, '|'), string_agg(request_body, '|') FROM read_parquet(?)", file).Scan(&users, &bodies)
	if err != nil || users != "cleo|"+evil+"|ada" || !strings.HasPrefix(bodies, `{"card":"c"}|`) {
		t.Errorf("Parquet %q, %q, %v", users, bodies, err)
	}

	for query, want := range map[string]int{"format=xls": 422, "format=csv&status=abc": 422, "format=csv&from=-1h&to=-2h": 422, "format=parquet&app=none": 404} {
		if a := get(query); a.status != want {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	if a := s.do(http.MethodGet, "/api/v1/events/export", ""); a.status != http.StatusUnauthorized {
		t.Errorf("a stranger: %d", a.status)
	}
	if left, _ := filepath.Glob(filepath.Join(s.dir, "export-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func mustHave[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
