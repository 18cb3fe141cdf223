package events

import (
	"errors"
	"time"
)

// Errors a caller can act on.
var (
	ErrNotFound = errors.New("event not found")
	// ErrQuestion is wrapped by errors about a filter, cursor or grouping that
	// cannot be answered; their text says which value and what was expected.
	ErrQuestion = errors.New("bad question")
)

// What Series and Top can group by.
const (
	ByTotal   = "" // one group with the key ""
	ByUser    = "user"
	ByCompany = "company"
	ByRoute   = "route"
	ByStatus  = "status"
	ByVerb    = "verb"
)

// Filter selects events. App is required; every other zero field selects all.
type Filter struct {
	App       string
	From, To  time.Time // From is inclusive, To exclusive
	UserID    string
	CompanyID string
	Route     string // the endpoint's pattern
	Verb      string // in any case
	Path      string
	Status    string // "404", or "4xx" for a class
	Text      string // part of path, query, user, company or transaction id, in any case
	Errors    bool   // only status >= 400, and calls without an answer
}

// Page is a piece of a list.
type Page struct {
	Limit  int    // 100 when 0, 1000 at most
	Cursor string // the next of the page before; "" is the first page
	Bodies bool   // whether to read the bodies as well
	// Brief is whether to read only what a list shows, which is read in less than
	// half the time: id, time, duration, user, company, verb, URI, status, BlockedBy, and of the
	// metadata gatemeter.identity and gatemeter.refused.
	Brief bool
}

// Latency in milliseconds; nil where there was nothing to measure.
// Quantiles are taken over the stored events, not weighted.
type Latency struct {
	P50, P95, P99 *float64
}

// Point is one interval of a series.
type Point struct {
	Time   time.Time // start of the interval
	Calls  int64     // Σ weight
	Errors int64     // Σ weight where status >= 400 or there was no answer
	Latency
}

// Group is one line of a series, with a point for every interval.
type Group struct {
	Key    string // "" where the event had none; "(others)" when Others
	Others bool   // the sum of the groups beyond those asked for
	Calls  int64
	Points []Point
}

// Series is usage over time.
type Series struct {
	From, To time.Time
	Interval time.Duration
	Groups   []Group // most calls first, the others last
}

// Row is one line of a table.
type Row struct {
	Key      string // "" where the event had none
	Calls    int64
	Errors   int64
	LastSeen time.Time // zero when Calls is 0
	Latency
}

// Table is usage by something.
type Table struct {
	Total Row
	Rows  []Row // most calls first, then by key
}

// Customer is the usage of one user or company.
type Customer struct {
	ID                  string
	Calls, Errors       int64
	FirstSeen, LastSeen time.Time // within the filter's range
	Users               int64     // distinct users
	Latency
}
