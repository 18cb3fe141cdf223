package events

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
)

func TestTheRollupsOfDaysThatAreOverAreJoined(t *testing.T) {
	s := open(t)
	for part := range slices.Chunk(someEvents(3000), 300) { // each with events of all three days
		loadNext(t, s, "a", noon, part...)
		if err := s.rollUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	count := func(table, when string) (rows, groups int) {
		t.Helper()
		dimensions := "route, verb, status"
		if table == "users_day" {
			dimensions = "company_id, user_id"
		}
		q := fmt.Sprintf("SELECT count(*), count(DISTINCT (app, time, failed, %s)) FROM %s WHERE time %s", dimensions, table, when)
		if err := s.db.QueryRowContext(t.Context(), q).Scan(&rows, &groups); err != nil {
			t.Fatal(err)
		}
		return rows, groups
	}
	before := answers(t, s)
	today, _ := count("traffic_day", ">= '2026-11-22'")
	if rows, groups := count("traffic_day", "< '2026-11-22'"); rows <= crowded*groups {
		t.Fatalf("%d rows of %d groups are not crowded", rows, groups)
	}
	// A load that rolls up looks at the days before.
	loadNext(t, s, "b", noon, call("1", 0))
	loadNext(t, s, "b", noon.Add(maxTailAge), call("2", 1))
	for _, table := range []string{"traffic_day", "traffic_hour", "users_day"} {
		if rows, groups := count(table, "BETWEEN '2026-11-20' AND '2026-11-21'"); rows != groups && rows > crowded*groups {
			t.Errorf("%s has %d rows of %d groups", table, rows, groups)
		}
	}
	if rows, groups := count("traffic_day", "BETWEEN '2026-11-20' AND '2026-11-21'"); rows != groups {
		t.Errorf("traffic_day has %d rows of %d groups", rows, groups)
	}
	if rows, _ := count("traffic_day", ">= '2026-11-22' AND app = 'a'"); rows != today {
		t.Errorf("today had %d rows, now %d", today, rows)
	}
	if after := answers(t, s); !reflect.DeepEqual(after, before) {
		t.Errorf("compacted: %v\nbefore: %v", after, before)
	}
}
