package events

import (
	"testing"
	"time"
)

func TestTheBooksCountRowsOnceAndMissNone(t *testing.T) {
	s := open(t)
	check := func(when string, want map[string]int64) {
		t.Helper()
		for range 2 { // the second time most is known
			books, err := s.Books(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for app, n := range want {
				if books.Stored[app] != n {
					t.Errorf("%s: %d stored of %s, want %d", when, books.Stored[app], app, n)
				}
			}
			if len(books.Stored) != len(want) {
				t.Errorf("%s: %v stored, want %v", when, books.Stored, want)
			}
		}
	}
	check("an empty store", map[string]int64{})
	ada := call("1", 0)
	ada.UserID = "ada"
	loadNext(t, s, "a", noon, ada, call("2", 0), call("3", -int(31*day/time.Second)))
	check("a load", map[string]int64{"a": 3})
	loadNext(t, s, "b", noon, call("1", 0))
	loadNext(t, s, "a", noon, call("4", 0))
	check("more of it", map[string]int64{"a": 4, "b": 1})
	if gone, err := s.Erase(t.Context(), "a", ByUser, "ada"); err != nil || gone.Events != 1 {
		t.Fatalf("%+v, %v", gone, err)
	}
	check("an erasure", map[string]int64{"a": 4, "b": 1})
	loadNext(t, s, "a", noon, call("5", 0))
	if gone, _, err := s.Prune(t.Context(), Cut{App: "a", Events: noon.Add(-day)}); err != nil || gone.Events != 1 {
		t.Fatalf("%+v, %v", gone, err)
	}
	check("retention", map[string]int64{"a": 5, "b": 1})
	if err := s.Reopen(t.Context()); err != nil {
		t.Fatal(err)
	}
	loadNext(t, s, "b", noon, call("2", 0))
	check("a restart", map[string]int64{"a": 5, "b": 2})
}
