package rules

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/rule"
)

// decide is what a gateway that has the served documents decides.
func decide(t testing.TB, r *Rules, s *rule.Subject) rule.Decision {
	t.Helper()
	d := documents(t, r)
	list := servedRules(t, d)
	config, err := rule.ReadConfig(d.Config.Body)
	if err != nil {
		t.Fatal(err)
	}
	return config.Compile(list, rule.Options{}).Decide(s)
}

func TestTheOrderDecidesWhichRuleAnswers(t *testing.T) {
	r := stored(t)
	var ids []string
	for i := range 3 {
		u := userRule(fmt.Sprint("rule ", i), "ada")
		u.Wire.Response.Status = 401 + i
		ids = append(ids, create(t, r, u).Wire.ID)
	}
	ada := &rule.Subject{UserID: "ada", Verb: "GET", Route: "/"}
	if d := decide(t, r, ada); d.Status != 403 {
		t.Errorf("at first rule %s answers with %d", d.BlockedBy, d.Status)
	}
	order := []string{ids[2], ids[0], ids[1]}
	if err := r.SetOrder(t.Context(), testApp, order); err != nil {
		t.Fatal(err)
	}
	if got := servedIDs(t, r); !slices.Equal(got, order) {
		t.Errorf("served as %v, want %v", got, order)
	}
	if d := decide(t, r, ada); d.BlockedBy != ids[1] || d.Status != 402 {
		t.Errorf("rule %s answers with %d", d.BlockedBy, d.Status)
	}
	last := create(t, r, userRule("last", "ada")).Wire.ID
	if got := servedIDs(t, r); got[3] != last {
		t.Errorf("a new rule is served as %v", got)
	}
	if v := history(t, r, "")[1]; v.How != Ordered || len(v.Changes) != 1 || v.Changes[0].Field != "order" {
		t.Errorf("written down: %+v", v)
	}
}

func TestAnOrderThatIsNotOfAllRulesIsRefused(t *testing.T) {
	r := stored(t)
	a, b := create(t, r, regexRule("a")).Wire.ID, create(t, r, regexRule("b")).Wire.ID
	before := documents(t, r)
	for _, ids := range [][]string{nil, {a}, {a, a}, {a, b, b}, {a, "none"}, {a, b, "none"}} {
		var invalid *InvalidError
		if err := r.SetOrder(t.Context(), testApp, ids); !errors.As(err, &invalid) {
			t.Errorf("%v: %v", ids, err)
		}
	}
	if err := r.SetOrder(t.Context(), testApp, []string{a, b}); err != nil {
		t.Error(err)
	}
	if documents(t, r).replaced != before.replaced {
		t.Error("the documents changed")
	}
}

func TestARuleInShadowIsNotServed(t *testing.T) {
	now := noon
	r := stored(t)
	r.clock = func() time.Time { return now }
	u := userRule("r", "ada")
	u.State = Shadow
	made := create(t, r, u)
	if ids, c := servedIDs(t, r), servedConfig(t, r); len(ids) != 0 || len(c.UserRules) != 0 {
		t.Errorf("serves %v and %v", ids, c.UserRules)
	}
	now = now.Add(time.Hour)
	renamed := replace(t, r, made.Wire.ID, func() Rule { u := u; u.Wire.Name = "renamed"; return u }())
	if !renamed.StateAt.Equal(made.StateAt) {
		t.Errorf("a change of the name moved the state to %v", renamed.StateAt)
	}
	on, err := r.SetState(t.Context(), testApp, made.Wire.ID, On)
	if err != nil || on.State != On || !on.StateAt.Equal(now.Truncate(time.Microsecond)) || len(on.Customers) != 1 {
		t.Errorf("switched on: %+v (%v)", on, err)
	}
	if ids := servedIDs(t, r); len(ids) != 1 {
		t.Errorf("serves %v", ids)
	}
	var invalid *InvalidError
	if _, err := r.SetState(t.Context(), testApp, made.Wire.ID, "maybe"); !errors.As(err, &invalid) || invalid.Problems[0].Field != "state" {
		t.Errorf("got %v", err)
	}
	if _, err := r.SetState(t.Context(), testApp, "none", On); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestACohortIsReplacedWithoutKnowingTheRule(t *testing.T) {
	r := stored(t)
	u := userRule("r", "ada")
	id := create(t, r, u).Wire.ID
	got, err := r.SetCustomers(t.Context(), testApp, id, []Customer{{ID: "cyd"}, {ID: "bob"}})
	if err != nil || got.Wire.Name != "r" || got.State != On || len(got.Customers) != 2 {
		t.Fatalf("got %+v (%v)", got, err)
	}
	if c := servedConfig(t, r); len(c.UserRules) != 2 || len(c.UserRules["cyd"]) != 1 {
		t.Errorf("serves %v", c.UserRules)
	}
	var invalid *InvalidError
	if _, err := r.SetCustomers(t.Context(), testApp, id, []Customer{{ID: "x"}, {ID: "x"}}); !errors.As(err, &invalid) {
		t.Errorf("got %v", err)
	}
}

func TestAChangeOfWhatIsNoLongerThereIsRefused(t *testing.T) {
	now := noon
	r := stored(t)
	r.clock = func() time.Time { return now }
	made := create(t, r, userRule("r", "ada"))
	now = now.Add(time.Second)
	mine, theirs := made, made
	theirs.Wire.Name = "theirs"
	changed := replace(t, r, made.Wire.ID, theirs)
	if _, err := r.Replace(t.Context(), testApp, made.Wire.ID, mine); !errors.Is(err, ErrChanged) {
		t.Errorf("got %v", err)
	}
	if got, err := r.Rule(t.Context(), testApp.ID, made.Wire.ID); err != nil || got.Wire.Name != "theirs" {
		t.Errorf("it is %q (%v)", got.Wire.Name, err)
	}
	replace(t, r, made.Wire.ID, changed)
	mine.UpdatedAt = time.Time{}
	replace(t, r, made.Wire.ID, mine)
}
