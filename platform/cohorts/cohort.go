package cohorts

import (
	"errors"
	"time"

	"github.com/gatemeter/gatemeter/platform/customers"
)

// Errors a caller can act on.
var (
	ErrNotFound = errors.New("no such cohort")
	// ErrKind says that a cohort of users can not be made one of companies.
	ErrKind = errors.New("the kind of a cohort can not be changed: make another one")
)

// Draft is a cohort as it is edited.
type Draft struct {
	Name     string
	Kind     string // Users or Companies; it can not be changed
	Criteria Criteria
}

// Cohort is a draft that is kept, with what became of it.
type Cohort struct {
	Draft
	ID          string
	App         string
	Members     int
	Revision    int64     // another one whenever the members changed
	CreatedAt   time.Time // UTC, microseconds, as all times here
	UpdatedAt   time.Time
	EvaluatedAt time.Time // when the members were found last; zero: not since the start

	number    int64
	version   int64 // another one whenever the criteria changed
	evaluated int64 // the version by which the members were found; 0: not yet
}

// Ready reports whether the members were ever found: a cohort that is not ready
// has none, which says nothing.
func (c Cohort) Ready() bool { return c.evaluated > 0 }

// Size is how many members a cohort had from a time on.
type Size struct {
	At      time.Time
	Members int
}

// Member is who is in a cohort.
type Member struct {
	ID        string
	EnteredAt time.Time // zero in a preview
	customers.Label
}

// Membership is a cohort that a customer is in.
type Membership struct {
	Cohort    string // id
	Name      string
	EnteredAt time.Time
}

// Change says that somebody entered or left a cohort.
type Change struct {
	Number   int64 // grows with every change; a cursor
	Cohort   string
	Name     string // of the cohort
	Kind     string // Users or Companies
	Customer string // id
	Entered  bool   // otherwise left
	// Edited says that it is because the cohort was made or edited: the customer
	// did nothing new. Who sends messages leaves these out.
	Edited bool
	At     time.Time
}
