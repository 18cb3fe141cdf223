package events

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestTheRollupsOfCrowdedDaysAreJoined(t *testing.T) {
	s := open(t)
	s.checkpoints.making.Lock()                             // or else the first eight are joined, sooner or later
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
	if rows, groups := count("traffic_day", "< '2026-11-22'"); rows <= crowded*groups {
		t.Fatalf("%d rows of %d groups are not crowded", rows, groups)
	}
	// Once it is rolled up again, a day after the other is joined, unless a checkpoint is made.
	for n := range 10 {
		loadNext(t, s, "b", noon.Add(time.Duration(n)*maxTailAge), call(strconv.Itoa(n), n))
		if n == 1 {
			if rows, groups := count("traffic_day", "< '2026-11-22'"); rows <= crowded*groups {
				t.Errorf("joined during a checkpoint: %d rows of %d groups", rows, groups)
			}
			s.checkpoints.making.Unlock()
		}
		if n > 0 {
			s.checkpoints.others.Wait()
		}
	}
	for _, table := range []string{"traffic_day", "traffic_hour", "users_day"} {
		for _, d := range []string{"20", "21", "22"} {
			if rows, groups := count(table, "BETWEEN '2026-11-"+d+"' AND '2026-11-"+d+" 23:59:59'"); rows > crowded*groups {
				t.Errorf("%s has %d rows of %d groups on %s", table, rows, groups, d)
			}
		}
	}
	if rows, groups := count("traffic_day", "BETWEEN '2026-11-20' AND '2026-11-21'"); rows != groups {
		t.Errorf("traffic_day has %d rows of %d groups", rows, groups)
	}
	if after := answers(t, s); !reflect.DeepEqual(after, before) {
		t.Errorf("compacted: %v\nbefore: %v", after, before)
	}
}

func TestADayIsLookedAtOnceItIsCrowdedOrOver(t *testing.T) {
	const monday, tuesday = 3 * 86_400_000_000, 4 * 86_400_000_000
	var c crowding
	take := func(want ...int64) {
		t.Helper()
		var got []int64
		for d, ok := c.next(); ok; d, ok = c.next() {
			got = append(got, d)
			delete(c.rolls, d)
		}
		if !slices.Equal(got, want) {
			t.Errorf("looked at %v, want %v", got, want)
		}
	}
	c.add(map[int64]bool{monday: true})
	take()
	for range often - 2 {
		c.add(map[int64]bool{monday: true})
		take()
	}
	c.add(map[int64]bool{monday: true})
	take(monday)
	c.add(map[int64]bool{monday: true})
	c.add(map[int64]bool{monday: true})
	c.add(map[int64]bool{tuesday: true})
	take(monday)
	c.add(map[int64]bool{monday: true}) // one straggler makes no crowd
	c.add(map[int64]bool{tuesday: true})
	take()
}

func TestTheLastDaysAreLookedAtAfterAStart(t *testing.T) {
	s := open(t)
	for part := range slices.Chunk(someEvents(1500), 300) {
		loadNext(t, s, "a", noon, part...)
		if err := s.rollUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	before := answers(t, s)
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Reopen(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.checkpoints.others.Wait()
	var rows, groups int
	q := "SELECT count(*), count(DISTINCT (app, time, failed, route, verb, status)) FROM traffic_day"
	if err := s.db.QueryRowContext(t.Context(), q).Scan(&rows, &groups); err != nil || rows > crowded*groups {
		t.Errorf("%d rows of %d groups, %v", rows, groups, err)
	}
	if after := answers(t, s); !reflect.DeepEqual(after, before) {
		t.Errorf("compacted: %v\nbefore: %v", after, before)
	}
}
