package api

import (
	"slices"
	"strings"
	"testing"
)

var ranks = []rank{
	{ID: "a", Name: "Zed", Calls: 5, Errors: 1, P95: 10, Seen: 30},
	{ID: "b", Calls: 9, Errors: 1, P95: 30, Seen: 10},
	{ID: "c", Name: "amy", Calls: 5, Errors: 0, P95: 20, Seen: 20},
	{ID: "d", Name: "Bob", Calls: 0},
}

func TestListsAreSortedAndPagedInEveryOrder(t *testing.T) {
	for order, want := range map[string]string{
		"calls": "b a c d", "errors": "a b c d", "p95_ms": "b c a d", "last_seen": "d b c a", "-last_seen": "a c b d", "name": "c d a b",
	} {
		for limit := 1; limit <= 5; limit++ {
			var got []string
			l := Listing{Sort: order, Limit: limit}
			for {
				rows, next, err := page(slices.Clone(ranks), func(r rank) rank { return r }, l)
				if err != nil || len(rows) > limit || len(got) > len(ranks) {
					t.Fatalf("%s by %d: %v, %d rows", order, limit, err, len(rows))
				}
				for _, r := range rows {
					got = append(got, r.ID)
				}
				if l.Cursor = next; next == "" {
					break
				}
			}
			if s := strings.Join(got, " "); s != want {
				t.Errorf("%s by %d: got %s, want %s", order, limit, s, want)
			}
		}
	}
}

func TestPageGoesOnWhereItsLastRowStoodThoughThatIsGone(t *testing.T) {
	of := func(r rank) rank { return r }
	_, next, err := page(slices.Clone(ranks), of, Listing{Sort: "calls", Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	rows, _, err := page(slices.Clone(ranks[2:]), of, Listing{Sort: "calls", Limit: 1, Cursor: next})
	if err != nil || len(rows) != 1 || rows[0].ID != "c" {
		t.Errorf("got %v, %v", rows, err)
	}
}

func TestCursorsOfOtherListsAreRefused(t *testing.T) {
	of := func(r rank) rank { return r }
	_, next, err := page(slices.Clone(ranks), of, Listing{Sort: "calls", Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []Listing{{Sort: "name", Limit: 1, Cursor: next}, {Sort: "calls", Limit: 1, Cursor: "x"}, {Sort: "calls", Limit: 1, Cursor: "e30"}} {
		if _, _, err := page(slices.Clone(ranks), of, l); err == nil {
			t.Errorf("%+v is taken", l)
		}
	}
}
