package events

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"golang.org/x/sync/errgroup"
)

func threads(t *testing.T, s *Store) (n int) {
	t.Helper()
	if err := s.db.QueryRowContext(t.Context(), "SELECT current_setting('threads')").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// groups are the rows of the row groups of events.
func groups(t *testing.T, s *Store) (rows []int64) {
	t.Helper()
	const groups = "SELECT sum(count)::BIGINT FROM pragma_storage_info('events') WHERE column_name = 'time' AND segment_type <> 'VALIDITY' GROUP BY row_group_id ORDER BY row_group_id"
	err := query(t.Context(), s.db, question{sql: groups}, func(r *sql.Rows) error {
		var n int64
		err := r.Scan(&n)
		rows = append(rows, n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestRowGroupsAreNotJoinedWhileMuchIsLoaded(t *testing.T) {
	s := openWith(t, Options{})
	write := func(n int) {
		t.Helper()
		loadNext(t, s, "app", noon, calls(n)...)
		s.loading.Lock()
		if s.calm != nil {
			s.calm.Reset(time.Hour) // however long this test takes
		}
		s.loading.Unlock()
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	write(busyLoad)
	write(1)
	write(busyLoad)
	if got := groups(t, s); !slices.Equal(got, []int64{busyLoad, 1, busyLoad}) {
		t.Errorf("row groups of %d rows", got)
	}
	if _, err := s.writer.ExecContext(t.Context(), "DELETE FROM events WHERE seq = (SELECT min(seq) FROM events)"); err != nil {
		t.Fatal(err)
	}
	write(busyLoad)
	if got := groups(t, s); !slices.Equal(got, []int64{1, busyLoad, busyLoad}) {
		t.Errorf("row groups of %d rows after one was deleted", got)
	}
	s.spread()
	write(1)
	if got := groups(t, s); !slices.Equal(got, []int64{2*busyLoad + 2}) {
		t.Errorf("row groups of %d rows in the end", got)
	}
}

func calls(n int) []wire.Event {
	events := make([]wire.Event, n)
	for i := range events {
		events[i] = call(fmt.Sprint(i), i)
	}
	return events
}

func TestLoadingMuchTakesHalfOfTheThreadsUntilItEnds(t *testing.T) {
	s := openWith(t, Options{Threads: 4})
	loadNext(t, s, "app", noon, calls(busyLoad-1)...)
	if n := threads(t, s); n != 4 {
		t.Errorf("%d threads after a small load, want 4", n)
	}
	for range 2 {
		loadNext(t, s, "app", noon, calls(busyLoad)...)
		if n := threads(t, s); n != 2 {
			t.Errorf("%d threads while much is loaded, want 2", n)
		}
		s.spread()
		if n := threads(t, s); n != 4 {
			t.Errorf("%d threads afterwards, want 4", n)
		}
	}
	loadNext(t, s, "app", noon, calls(busyLoad)...)
	if err := s.Reopen(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := threads(t, s); n != 4 {
		t.Errorf("%d threads after it was opened again, want 4", n)
	}
}

func TestQuestionsAreAnsweredWhileThreadsComeAndGo(t *testing.T) {
	s := openWith(t, Options{Threads: 4})
	loadNext(t, s, "app", noon, calls(busyLoad)...)
	asking, stop := context.WithCancel(t.Context())
	var all errgroup.Group
	for range 3 {
		all.Go(func() error {
			for asking.Err() == nil {
				if _, err := s.Top(t.Context(), Filter{App: "app", From: noon, To: noon.Add(day), Verb: "GET", UserID: "nobody"}, ByRoute, 3); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for range 20 {
		loadNext(t, s, "app", noon, calls(busyLoad)...)
		s.spread()
	}
	stop()
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
}
