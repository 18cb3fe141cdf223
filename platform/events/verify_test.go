package events

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// rolledStore is a store with events of two applications, of several days, most of them
// in rollups, which were added to several times.
func rolledStore(t *testing.T) *Store {
	t.Helper()
	s := open(t)
	for part := range slices.Chunk(someEvents(600), 100) {
		loadNext(t, s, "a", noon, part...)
		loadNext(t, s, "b", noon, part[:10]...)
		if err := s.rollUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.checkpoints.others.Wait()
	}
	loadNext(t, s, "a", noon, call("not yet", 1))
	return s
}

func faults(t *testing.T, s *Store) []string {
	t.Helper()
	c, err := s.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c.Faults
}

func TestRollupsAndRowsAreHeldAgainstEachOther(t *testing.T) {
	s := rolledStore(t)
	sound := func(when string) {
		t.Helper()
		if got := faults(t, s); len(got) > 0 {
			t.Errorf("%s: %q", when, got)
		}
	}
	sound("as they were loaded")
	days, err := someDays(s)
	if err != nil || len(days) < 3 {
		t.Fatalf("days %v, %v", days, err)
	}
	if err := s.compactDays(t.Context(), days, false); err != nil {
		t.Fatal(err)
	}
	sound("joined")
	var user string
	if err := s.db.QueryRowContext(t.Context(), "SELECT min(user_id) FROM events WHERE app = 'a'").Scan(&user); err != nil {
		t.Fatal(err)
	}
	if gone, err := s.Erase(t.Context(), "a", ByUser, user); err != nil || gone.Events == 0 {
		t.Fatalf("erased %+v, %v", gone, err)
	}
	sound("after an erasure")
	second := time.UnixMicro(days[1]).UTC()
	if gone, _, err := s.Prune(t.Context(), Cut{App: "a", Events: second}); err != nil || gone.Events == 0 {
		t.Fatalf("pruned %+v, %v", gone, err)
	}
	sound("after events were too old")
	if gone, _, err := s.Prune(t.Context(), Cut{App: "b", Rollups: second}); err != nil || gone.Rollups == 0 {
		t.Fatalf("pruned %+v, %v", gone, err)
	}
	sound("after rollups were too old")

	// Retention takes a table after the other: it may have ended in between.
	if _, err := s.db.ExecContext(t.Context(), "DELETE FROM traffic_minute WHERE app = 'a' AND time < (SELECT min(time) + INTERVAL 1 DAY FROM users_day WHERE app = 'a')"); err != nil {
		t.Fatal(err)
	}
	sound("in the middle of pruning")
}

// someDays are those that there are rollups of, the first first, in µs.
func someDays(s *Store) (days []int64, err error) {
	rows, err := s.db.Query("SELECT DISTINCT epoch_us(time) FROM traffic_day ORDER BY 1")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var d int64
		if err := rows.Scan(&d); err != nil {
			return nil, err
		}
		days = append(days, d)
	}
	return days, rows.Err()
}

func TestWhatRollupsDoNotCountRightIsFound(t *testing.T) {
	for statement, want := range map[string][]string{
		"UPDATE traffic_hour SET events = events + 1 WHERE app = 'b'":                                                      {"rollups of b do not agree on 2026-"},
		"UPDATE companies_day SET calls = calls - 1 WHERE app = 'a'":                                                       {"rollups of a do not agree on 2026-"},
		"DELETE FROM users_day WHERE app = 'a'":                                                                            {"rollups of a do not agree on 2026-"},
		"INSERT INTO events BY NAME SELECT * REPLACE ('again' AS transaction_id) FROM events WHERE app = 'b' LIMIT 1":      {"events of b are there on 2026-", "have counted 60 events of b: 61 are there"},
		"DELETE FROM events WHERE app = 'b' AND transaction_id = (SELECT min(transaction_id) FROM events WHERE app = 'b')": {"have counted 60 events of b: 59 are there"},
		"UPDATE position SET rolled = rolled + 100":                                                                        {"events of a are there on 2026-", "have counted 600 events of a: 601 are there"},
		"INSERT INTO deleted VALUES ('b', 'events', 'retention', 1)":                                                       {"have counted 60 events of b: 61 are there"},
	} {
		s := rolledStore(t)
		if _, err := s.db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		found := strings.Join(faults(t, s), "\n")
		for _, text := range want {
			if !strings.Contains(found, text) {
				t.Errorf("%s: found %q, want %q", statement, found, text)
			}
		}
	}
}

func TestEventsThatAreThereTwiceAndBodiesWithoutAreFoundInAnyPart(t *testing.T) {
	s := open(t)
	var list []wire.Event
	for n := range 50 {
		list = append(list, call(fmt.Sprint(n), n))
	}
	loadNext(t, s, "a", noon, list...)
	loadNext(t, s, "a", noon.AddDate(0, 0, 29), list[:3]...)
	loadNext(t, s, "b", noon, list...)                        // another application
	loadNext(t, s, "b", noon.AddDate(0, 0, 30), list[10:]...) // not remembered any more
	if _, err := s.db.ExecContext(t.Context(), "INSERT INTO bodies BY NAME SELECT app, transaction_id, time FROM events WHERE app = 'a' AND transaction_id = '7'; DELETE FROM events WHERE app = 'a' AND transaction_id = '7'"); err != nil {
		t.Fatal(err)
	}
	for _, parts := range []int64{1, 7, 1000} {
		var c Checked
		if err := s.verifyIDs(t.Context(), &c, parts); err != nil {
			t.Fatal(err)
		}
		slices.Sort(c.Faults)
		if want := []string{"event 0 of a is there 2 times", "event 1 of a is there 2 times", "event 2 of a is there 2 times", "the body of event 7 of a has no event"}; !slices.Equal(c.Faults, want) {
			t.Errorf("%d parts: found %q", parts, c.Faults)
		}
	}
}
