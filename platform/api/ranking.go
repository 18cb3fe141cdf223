package api

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// rank is what lists of customers are sorted by, and what their cursor holds:
// the rank of the last row of a page, so that rows that come and go between two
// pages neither hide nor repeat others.
type rank struct {
	ID     string  `json:"i"`
	Name   string  `json:"n,omitempty"`
	Calls  int64   `json:"c,omitempty"`
	Errors int64   `json:"e,omitempty"`
	P95    float64 `json:"p,omitempty"`
	Seen   int64   `json:"s,omitempty"` // microseconds
}

// compare orders ranks: numbers are descending unless the order's name says
// otherwise, and the id settles ties.
func (r rank) compare(other rank, order string) int {
	c := 0
	switch order {
	case "name":
		// Those without a name stand last.
		c = cmp.Or(cmp.Compare(btoi(r.Name == ""), btoi(other.Name == "")), strings.Compare(strings.ToLower(r.Name), strings.ToLower(other.Name)))
	case "last_seen":
		c = cmp.Compare(r.Seen, other.Seen)
	case "-last_seen":
		c = cmp.Compare(other.Seen, r.Seen)
	case "errors":
		c = cmp.Compare(other.Errors, r.Errors)
	case "p95_ms":
		c = cmp.Compare(other.P95, r.P95)
	default:
		c = cmp.Compare(other.Calls, r.Calls)
	}
	return cmp.Or(c, strings.Compare(r.ID, other.ID))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Listing says which piece of a sorted list to return.
type Listing struct {
	Sort   string `query:"sort" enum:"calls,-last_seen,last_seen,errors,p95_ms,name" default:"calls" doc:"What to sort by. Calls, errors and p95_ms have the highest first, last_seen the longest ago, -last_seen the latest." example:"calls"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many rows to return at most." example:"100"`
	Cursor string `query:"cursor" maxLength:"8192" doc:"The member next of the page before; sort must be the same." example:""`
}

// named reports whether the names of all are needed to find the rows of a page.
func (l Listing) named(text string) bool { return text != "" || l.Sort == "name" }

type cursor struct {
	Sort string `json:"o"`
	Last rank   `json:"r"`
}

// page sorts rows and returns the piece after the cursor, and the next cursor.
func page[T any](rows []T, of func(T) rank, l Listing) ([]T, string, error) {
	slices.SortFunc(rows, func(a, b T) int { return of(a).compare(of(b), l.Sort) })
	if l.Cursor != "" {
		var c cursor
		raw, err := base64.RawURLEncoding.DecodeString(l.Cursor)
		if err != nil || json.Unmarshal(raw, &c) != nil || c.Sort != l.Sort {
			return nil, "", unprocessable("query.cursor", "is not one of a page with this sort")
		}
		start, found := slices.BinarySearchFunc(rows, c.Last, func(row T, last rank) int { return of(row).compare(last, l.Sort) })
		if found {
			start++
		}
		rows = rows[start:]
	}
	if len(rows) <= l.Limit {
		return rows, "", nil
	}
	rows = rows[:l.Limit]
	raw, err := json.Marshal(cursor{Sort: l.Sort, Last: of(rows[len(rows)-1])})
	if err != nil {
		return nil, "", err
	}
	return rows, base64.RawURLEncoding.EncodeToString(raw), nil
}

// contains reports whether one of the fields has text in it, in any case.
func contains(text string, fields ...string) bool {
	return text == "" || slices.ContainsFunc(fields, func(f string) bool {
		return strings.Contains(strings.ToLower(f), strings.ToLower(text))
	})
}
