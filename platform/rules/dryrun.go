package rules

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Span selects stored calls: those of app from From, inclusive, to To, exclusive,
// and of To itself those whose transaction id is smaller than BeforeID, unless
// that is "".
type Span struct {
	App      string
	From, To time.Time
	BeforeID string
	Limit    int
	Headers  bool // whether the requests' headers are needed
	Bodies   bool // and their bodies
}

// Traffic gives stored calls to each, newest first, and ends at its first error.
type Traffic interface {
	Calls(ctx context.Context, s Span, each func(*wire.Event) error) error
}

// Bounds of a dry run.
const (
	dryRunTime  = 8 * time.Second
	dryRunCalls = 250_000
	dryRunPiece = 20_000 // calls that are asked for at once

	firstWindow = 15 * time.Minute
	maxOutcomes = 100     // customers and calls that are listed
	maxTold     = 100_000 // customers that are told apart
)

// Outcome is what a rule would have done. Counts of calls are Σ weight.
type Outcome struct {
	From, To time.Time // what was asked for
	Reached  time.Time // back to here it looked; From when it looked at all
	Complete bool

	Looked    int64 // calls it looked at
	Applied   int64 // to which it would have applied, and blocked them if it blocks
	Already   int64 // of these, calls that were blocked anyway
	NotAsked  int64 // calls that no rule sees: their authentication failed
	Unknown   int64 // calls of which it cannot be said; Reasons say why
	Reasons   []Reason
	Anonymous int64 // applied to, with neither user nor company

	Companies, Users        []Affected   // the most affected first, at most 100
	CompanyCount, UserCount int          // of all of them
	Calls                   []wire.Event // applied to, the newest first, at most 100; without headers and bodies
}

// Affected is a customer with the calls of it that a rule would have applied to.
type Affected struct {
	ID    string
	Calls int64
}

// Reason is why calls cannot be judged. A call may have several.
type Reason struct {
	Path, Why string
	Calls     int64
}

// DryRun says what the rule u, alone, would have done to the calls of app from
// from to to that are stored. It need not be saved. It goes back from the newest in
// windows until it is through, or until it has looked at 250,000 calls or for 8
// seconds: Outcome.Reached tells. Two run at a time; more wait.
func (r *Rules) DryRun(ctx context.Context, traffic Traffic, app string, u Rule, from, to time.Time) (Outcome, error) {
	u, err := r.checkedFor(ctx, app, u)
	if err != nil {
		return Outcome{}, err
	}
	list := []Rule{u}
	if err := r.fillMembers(ctx, app, list); err != nil { // of who is in the cohort now
		return Outcome{}, err
	}
	u = list[0]
	j, err := newJudge(u)
	if err != nil {
		return Outcome{}, err
	}
	select {
	case r.trying <- struct{}{}:
		defer func() { <-r.trying }()
	case <-ctx.Done():
		return Outcome{}, ctx.Err()
	}
	bounded, cancel := context.WithTimeout(ctx, dryRunTime)
	defer cancel()
	t := newTally(j, from, to, dryRunCalls)
	err = t.walk(bounded, traffic, app)
	if err != nil && (ctx.Err() != nil || bounded.Err() == nil) {
		return Outcome{}, err
	}
	return t.outcome(), nil
}

// tally counts what a judge says.
type tally struct {
	judge            *judge
	o                Outcome
	seen, most       int // calls, not weighted
	companies, users map[string]int64
	reasons          map[unsure]int64
	last             wire.Event // the last one it looked at
}

func newTally(j *judge, from, to time.Time, most int) *tally {
	return &tally{
		judge: j, most: most, o: Outcome{From: from, To: to, Reached: to},
		companies: map[string]int64{}, users: map[string]int64{}, reasons: map[unsure]int64{},
	}
}

// walk goes back through the calls, in windows as wide as to hold a piece.
func (t *tally) walk(ctx context.Context, traffic Traffic, app string) error {
	s := Span{App: app, Headers: len(t.judge.headers)+len(t.judge.bodies) > 0, Bodies: len(t.judge.bodies) > 0}
	width := firstWindow
	for end, endID := t.o.To, ""; end.After(t.o.From); {
		s.From, s.To, s.BeforeID = end.Add(-width), end, endID
		if s.From.Before(t.o.From) {
			s.From = t.o.From
		}
		s.Limit = min(dryRunPiece, t.most-t.seen)
		if s.Limit == 0 {
			return nil
		}
		before := t.seen
		if err := traffic.Calls(ctx, s, t.add(ctx)); err != nil {
			return err
		}
		n := t.seen - before
		if n == s.Limit {
			end, endID = t.last.Request.Time, t.last.TransactionID
			width = max(width/2, time.Second)
			continue
		}
		end, endID = s.From, ""
		t.o.Reached = end
		if n < dryRunPiece/4 {
			width *= 4
		}
	}
	t.o.Complete = true
	return nil
}

// add returns what looks at one call.
func (t *tally) add(ctx context.Context) func(*wire.Event) error {
	return func(e *wire.Event) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.seen++
		t.last.Request.Time, t.last.TransactionID = e.Request.Time, e.TransactionID
		t.o.Reached = e.Request.Time
		t.look(e)
		return nil
	}
}

// unauthenticated is metadata.gatemeter.refused of a call that no rule saw.
const unauthenticated = "unauthenticated"

func (t *tally) look(e *wire.Event) {
	calls := int64(max(1, e.Weight))
	t.o.Looked += calls
	if about, _ := e.Gatemeter(); about.Refused == unauthenticated {
		t.o.NotAsked += calls
		return
	}
	v, missing := t.judge.decide(e)
	switch v {
	case unknown:
		t.o.Unknown += calls
		for _, m := range missing {
			t.reasons[m] += calls
		}
	case applies:
		t.apply(e, calls)
	}
}

func (t *tally) apply(e *wire.Event, calls int64) {
	t.o.Applied += calls
	if e.BlockedBy != "" {
		t.o.Already += calls
	}
	if e.UserID == "" && e.CompanyID == "" {
		t.o.Anonymous += calls
	}
	count(t.companies, e.CompanyID, calls)
	count(t.users, e.UserID, calls)
	if len(t.o.Calls) < maxOutcomes {
		shown := *e
		shown.Request.Headers, shown.Request.Body = nil, nil
		t.o.Calls = append(t.o.Calls, shown)
	}
}

func count(by map[string]int64, id string, calls int64) {
	if _, known := by[id]; id != "" && (known || len(by) < maxTold) {
		by[id] += calls
	}
}

func (t *tally) outcome() Outcome {
	o := t.o
	o.CompanyCount, o.UserCount = len(t.companies), len(t.users)
	o.Companies, o.Users = mostAffected(t.companies), mostAffected(t.users)
	for u, calls := range t.reasons {
		o.Reasons = append(o.Reasons, Reason{Path: u.path, Why: u.reason, Calls: calls})
	}
	slices.SortFunc(o.Reasons, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Why, b.Why))
	})
	return o
}

func mostAffected(by map[string]int64) []Affected {
	list := make([]Affected, 0, len(by))
	for id, calls := range by {
		list = append(list, Affected{id, calls})
	}
	slices.SortFunc(list, func(a, b Affected) int { return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.ID, b.ID)) })
	return list[:min(len(list), maxOutcomes)]
}
