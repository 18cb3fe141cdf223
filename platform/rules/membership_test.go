package rules

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// fakeCohorts are members by cohort id; a cohort's kind is its id up to the first dash.
type fakeCohorts struct {
	members  map[string][]string
	revision map[string]int64
	fail     error
	unready  bool
	read     int
}

func (f *fakeCohorts) Cohort(_ context.Context, app, id string) (Membership, error) {
	list, ok := f.members[id]
	if !ok || app != testApp.ID {
		return Membership{}, ErrNoCohort
	}
	kind, _, _ := strings.Cut(id, "-")
	return Membership{Kind: kind, Revision: f.revision[id], Members: len(list), Ready: !f.unready}, nil
}

func (f *fakeCohorts) Members(_ context.Context, _, id string) ([]string, error) {
	f.read++
	return f.members[id], f.fail
}

func (f *fakeCohorts) set(t *testing.T, r *Rules, id string, members ...string) {
	t.Helper()
	f.members[id] = members
	f.revision[id]++
	if err := r.CohortChanged(t.Context(), testApp.ID, id); err != nil {
		t.Fatal(err)
	}
}

func follow(t *testing.T, members map[string][]string) (*Rules, *fakeCohorts) {
	t.Helper()
	r := stored(t)
	f := &fakeCohorts{members: members, revision: map[string]int64{}}
	r.Follow(f, nil)
	return r, f
}

func cohortRule(name, cohort, appliedTo string) Rule {
	kind, _, _ := strings.Cut(cohort, "-")
	return Rule{State: On, Cohort: cohort, Wire: wire.Rule{Name: name, Type: kind, Block: true, AppliedTo: appliedTo}}
}

func TestARuleFollowsItsCohort(t *testing.T) {
	r, f := follow(t, map[string][]string{"user-1": {"ada"}, "company-1": {"acme"}})
	u := create(t, r, cohortRule("u", "user-1", ""))
	create(t, r, cohortRule("c", "company-1", ""))
	create(t, r, userRule("named", "ada"))
	before := documents(t, r)
	if c := servedConfig(t, r); len(c.UserRules["ada"]) != 2 || c.UserRules["ada"][0].Rules != u.Wire.ID || len(c.CompanyRules["acme"]) != 1 {
		t.Fatalf("got %+v", c)
	}
	f.set(t, r, "user-1", "ada", "bob")
	select {
	case <-before.replaced:
	default:
		t.Error("nobody was woken")
	}
	after := documents(t, r)
	if c := servedConfig(t, r); len(c.UserRules["bob"]) != 1 || after.Tags.Config == before.Tags.Config || after.Tags.Rules != before.Tags.Rules {
		t.Errorf("got %+v, tags %+v after %+v", c, after.Tags, before.Tags)
	}
	f.set(t, r, "user-1")
	if c := servedConfig(t, r); len(c.UserRules) != 1 || len(c.UserRules["ada"]) != 1 {
		t.Errorf("the last one left, and got %+v", c)
	}
	// A cohort that no rule names makes no work, nor does an edit read members again.
	read := f.read
	f.members["user-2"] = nil
	f.set(t, r, "user-2", "eve")
	create(t, r, Rule{State: On, Wire: wire.Rule{Name: "all", Type: typeRegex}})
	if f.read != read {
		t.Errorf("members were read %d times for nothing", f.read-read)
	}

	got, err := r.Rule(t.Context(), testApp.ID, u.Wire.ID)
	if err != nil || got.Cohort != "user-1" || len(got.Customers) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	if names, err := r.NamesOf(t.Context(), testApp.ID, "user-1"); err != nil || !slices.Equal(names, []string{"u"}) {
		t.Errorf("got %q, %v", names, err)
	}
	got.Cohort, got.Customers = "", []Customer{{ID: "eve"}}
	replace(t, r, u.Wire.ID, got)
	if c := servedConfig(t, r); len(c.UserRules["eve"]) != 1 {
		t.Errorf("after it named its customers itself: %+v", c)
	}
	if names, err := r.NamesOf(t.Context(), testApp.ID, "user-1"); err != nil || len(names) != 0 {
		t.Errorf("got %q, %v", names, err)
	}
}

// A rule for all others than a cohort would apply to everybody if the cohort
// counted as empty.
func TestARuleWithoutItsCohortIsNotServed(t *testing.T) {
	r, f := follow(t, map[string][]string{"user-1": {"ada"}})
	id := create(t, r, cohortRule("all but one", "user-1", "not_matching")).Wire.ID
	served := func(want bool) {
		t.Helper()
		if got := slices.Contains(servedIDs(t, r), id); got != want {
			t.Errorf("served: %v, want %v", got, want)
		}
	}
	served(true)
	f.unready = true
	f.set(t, r, "user-1", "ada")
	served(false)
	f.unready = false
	f.set(t, r, "user-1", make([]string, MaxCustomers+1)...)
	served(false)
	f.set(t, r, "user-1", "ada")
	served(true)

	// Members that can not be read leave what was served before.
	f.fail = errors.New("busy")
	f.members["user-1"] = []string{"ada", "bob"}
	f.revision["user-1"]++
	if err := r.CohortChanged(t.Context(), testApp.ID, "user-1"); err == nil {
		t.Error("the failure is not told")
	}
	if c := servedConfig(t, r); len(c.UserRules) != 1 {
		t.Errorf("got %+v", c)
	}
	f.fail = nil
	if c := servedConfig(t, r); len(c.UserRules) != 2 {
		t.Errorf("after the failure: %+v", c)
	}
	delete(f.members, "user-1")
	if err := r.CohortChanged(t.Context(), testApp.ID, "user-1"); err != nil {
		t.Fatal(err)
	}
	served(false)
}

func TestCohortsThatRulesCanNotName(t *testing.T) {
	r, _ := follow(t, map[string][]string{"company-1": nil})
	named := cohortRule("n", "company-1", "")
	named.Customers = []Customer{{ID: "acme"}}
	regex, mixed := cohortRule("n", "company-1", ""), cohortRule("n", "company-1", "")
	regex.Wire.Type, mixed.Wire.Type = typeRegex, typeUser
	for want, u := range map[string]Rule{
		`customers: must be empty: the members of the cohort are the customers`:      named,
		`cohort: there is none with this id (got "user-9")`:                          cohortRule("n", "user-9", ""),
		`cohort: must be empty: a rule of type regex applies to whoever calls`:       regex,
		`cohort: must be one of the rule's type, user (it is one of type company)`:   mixed,
		`name: must not be empty; cohort: there is none with this id (got "user-9")`: cohortRule("", "user-9", ""),
	} {
		if _, err := r.Create(t.Context(), testApp, u); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if _, err := stored(t).Create(t.Context(), testApp, cohortRule("n", "user-1", "")); !errors.Is(err, ErrNoCohort) {
		t.Errorf("without anybody who knows cohorts: %v", err)
	}
}

func TestRulesThatApplyToACustomer(t *testing.T) {
	r, _ := follow(t, map[string][]string{"user-1": {"ada"}, "user-2": {"bob"}})
	create(t, r, cohortRule("in", "user-1", ""))
	create(t, r, cohortRule("not in", "user-1", "not_matching"))
	create(t, r, cohortRule("other", "user-2", ""))
	create(t, r, cohortRule("all but others", "user-2", "not_matching"))
	create(t, r, userRule("named", "ada"))
	off := userRule("off", "ada")
	off.State = Off
	create(t, r, off)
	create(t, r, Rule{State: On, Wire: wire.Rule{Name: "company", Type: typeCompany, AppliedTo: "not_matching"}})
	create(t, r, Rule{State: On, Wire: wire.Rule{Name: "all", Type: typeRegex}})
	list, err := r.Applying(t.Context(), testApp.ID, typeUser, "ada", []string{"user-1"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range list {
		got = append(got, a.Wire.Name+": "+a.Why)
	}
	if want := []string{"in: cohort", "all but others: not_matching", "named: customer", "all: everyone"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if list, err := r.Applying(t.Context(), "other", typeUser, "ada", nil); err != nil || len(list) != 0 {
		t.Errorf("another application sees %v, %v", list, err)
	}
}

// BenchmarkCohortChange serves a cohort of 100,000 again after one of them was
// replaced by another.
func BenchmarkCohortChange(b *testing.B) {
	members := make([]string, MaxCustomers)
	for i := range members {
		members[i] = fmt.Sprintf("user-%06d", i)
	}
	f := &fakeCohorts{members: map[string][]string{"user-1": members}, revision: map[string]int64{}}
	r := stored(b)
	r.Follow(f, nil)
	create(b, r, cohortRule("u", "user-1", ""))
	for b.Loop() {
		f.revision["user-1"]++
		members[0] = fmt.Sprint("user-", f.revision["user-1"])
		if err := r.CohortChanged(b.Context(), testApp.ID, "user-1"); err != nil {
			b.Fatal(err)
		}
	}
}
