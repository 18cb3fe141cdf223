package customers

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/platform/state"
)

// Ids are looked for one by one: the other way round a page of labels would take as
// long as there are customers, times the ids.
func TestIDsAreLookedForByTheIndex(t *testing.T) {
	db, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	s := New(db, time.Now)
	for _, what := range []string{"labels_", "profiles_"} {
		for _, table := range tables {
			var plan []string
			err := s.rows(t.Context(), what, "EXPLAIN QUERY PLAN "+knownQueries.Get(what+table), []any{"app", `["a"]`}, func(rows *sql.Rows) error {
				var id, parent, unused int
				var step string
				err := rows.Scan(&id, &parent, &unused, &step)
				plan = append(plan, step)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(plan) != 2 || !strings.HasPrefix(plan[0], "SCAN wanted") || !strings.Contains(plan[1], "(app=? AND id=?)") {
				t.Errorf("%s%s: %q", what, table, plan)
			}
		}
	}
}
