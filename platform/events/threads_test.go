package events

import (
	"context"
	"fmt"
	"testing"

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
