package rules

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// profiles are values by "kind id path".
type profiles struct {
	mu     sync.Mutex // guards the rest
	values map[string]string
	read   int
	then   func() // called once, after something was read
	fail   error
}

func (p *profiles) Values(_ context.Context, _, kind string, ids, paths []string) (map[string][]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read++
	found := map[string][]string{}
	for _, id := range ids {
		for _, path := range paths {
			found[id] = append(found[id], p.values[kind+" "+id+" "+path])
		}
	}
	if then := p.then; then != nil {
		p.then = nil
		then()
	}
	return found, p.fail
}

func (p *profiles) set(r *Rules, kind, id, path, value string) {
	p.mu.Lock()
	p.values[kind+" "+id+" "+path] = value
	p.mu.Unlock()
	r.ProfilesChanged(testApp.ID, kind)
}

func (p *profiles) reads() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.read
}

// profiled returns rules that know the profiles, and the cohort user-1 of ada and bob.
func profiled(t *testing.T, values map[string]string) (*Rules, *profiles, *fakeCohorts) {
	t.Helper()
	r := stored(t)
	p := &profiles{values: values}
	f := &fakeCohorts{members: map[string][]string{"user-1": {"ada", "bob"}}, revision: map[string]int64{}}
	r.Follow(f, p)
	return r, p, f
}

func tagged(u Rule) Rule {
	u.Wire.Variables = []wire.Variable{{Name: "plan", Path: "body.plan"}, {Name: "1", Path: "name"}}
	return u
}

// valuesOf are those that /v1/config has of a customer, of its rules one after the other.
func valuesOf(refs []wire.RuleRef) (list []map[string]string) {
	for _, ref := range refs {
		list = append(list, ref.Values)
	}
	return list
}

// runs keeps the values in step until the test ends.
func runs(t *testing.T, r *Rules) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Run(ctx, func(_ string, err error) { t.Error(err) })
	}()
	t.Cleanup(func() { cancel(); <-ended })
}

func replacedSoon(t *testing.T, d *Documents) {
	t.Helper()
	select {
	case <-d.replaced:
	case <-time.After(30 * time.Second):
		t.Fatal("nobody was woken")
	}
}

func TestMembersHaveTheValuesOfTheirProfiles(t *testing.T) {
	r, _, _ := profiled(t, map[string]string{
		"user ada body.plan": "gold", "user ada name": "Ada", "user bob body.plan": "free", "user eve name": strings.Repeat("e", maxText+1),
		"company ada body.plan": "of a company",
	})
	create(t, r, tagged(cohortRule("of a cohort", "user-1", "")))
	named := tagged(userRule("by name", "ada", "eve"))
	named.Customers[0].Values = map[string]string{"plan": "given"}
	id := create(t, r, named).Wire.ID
	create(t, r, tagged(cohortRule("all others", "user-1", "not_matching")))
	create(t, r, userRule("without tags", "ada"))

	c := servedConfig(t, r)
	for user, want := range map[string][]map[string]string{
		"ada": {{"plan": "gold", "1": "Ada"}, {"plan": "given", "1": "Ada"}, {}, {}},
		"bob": {{"plan": "free"}, {}},
		"eve": {{}},
	} {
		if got := valuesOf(c.UserRules[user]); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", user, got, want)
		}
	}
	// The rule itself has only what was given.
	u, err := r.Rule(t.Context(), testApp.ID, id)
	if err != nil || !maps.Equal(u.Customers[0].Values, map[string]string{"plan": "given"}) || len(u.Customers[1].Values) != 0 {
		t.Errorf("got %+v, %v", u.Customers, err)
	}
}

func TestValuesFollowTheProfiles(t *testing.T) {
	r, p, _ := profiled(t, map[string]string{})
	runs(t, r)
	create(t, r, tagged(cohortRule("r", "user-1", "")))
	before := documents(t, r)
	p.set(r, typeUser, "ada", "body.plan", "gold")
	replacedSoon(t, before)
	after := documents(t, r)
	if got := servedConfig(t, r).UserRules["ada"][0].Values["plan"]; got != "gold" || after.Tags.Config == before.Tags.Config || after.Tags.Rules != before.Tags.Rules {
		t.Errorf("got %q, tags %+v after %+v", got, after.Tags, before.Tags)
	}

	// What makes no difference wakes nobody, and is looked at once.
	read := p.reads()
	p.set(r, typeUser, "ada", "body.seats", "5")
	for p.reads() == read {
		time.Sleep(time.Millisecond)
	}
	create(t, r, Rule{State: On, Wire: wire.Rule{Name: "all", Type: typeRegex}}) // waits for it
	select {
	case <-after.replaced:
	default:
		t.Error("a new rule woke nobody")
	}
	latest := documents(t, r)
	if latest.Config.ETag != after.Config.ETag || p.reads() != read+1 {
		t.Errorf("the configuration changed: %v; profiles were read %d times", latest.Config.ETag != after.Config.ETag, p.reads()-read)
	}
	// Nor are profiles looked at which no rule asks for.
	p.set(r, typeCompany, "acme", "body.plan", "gold")
	r.mu.Lock()
	outdated := len(r.outdated)
	r.mu.Unlock()
	if outdated != 0 {
		t.Error("companies are looked at for a rule for users")
	}
}

// A profile may change between being read and being served.
func TestAProfileThatChangesWhileItIsReadIsReadAgain(t *testing.T) {
	r, p, _ := profiled(t, map[string]string{"user ada body.plan": "old"})
	runs(t, r)
	p.then = func() {
		p.values["user ada body.plan"] = "new"
		r.ProfilesChanged(testApp.ID, typeUser)
	}
	create(t, r, tagged(userRule("r", "ada")))
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		got := servedConfig(t, r).UserRules["ada"][0].Values["plan"]
		if got == "new" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("got %q", got)
		}
	}
}

func TestProfilesThatCannotBeReadAreTriedAgain(t *testing.T) {
	r, p, _ := profiled(t, map[string]string{"user ada body.plan": "gold"})
	create(t, r, userRule("first", "ada"))
	before := documents(t, r)
	p.fail = errors.New("no profiles")
	if _, err := r.Create(t.Context(), testApp, tagged(userRule("second", "ada"))); !errors.Is(err, p.fail) {
		t.Errorf("got %v", err)
	}
	if got := documents(t, r); got != before {
		t.Error("documents without the values are served")
	}
	p.fail = nil
	if got := valuesOf(servedConfig(t, r).UserRules["ada"]); !slices.EqualFunc(got, []map[string]string{{}, {"plan": "gold"}}, maps.Equal) {
		t.Errorf("got %v", got)
	}
}

func TestAPreviewHasTheValuesOfTheProfile(t *testing.T) {
	r, _, _ := profiled(t, map[string]string{"user ada body.plan": "gold", "user eve body.plan": "free"})
	u := tagged(cohortRule("r", "user-1", ""))
	u.Wire.Response = wire.RuleResponse{Status: 402, Body: []byte(`{"error":"{{plan|no}} plan"}`)}
	named := tagged(userRule("r", "ada"))
	named.Wire.Response, named.Customers[0].Values = u.Wire.Response, map[string]string{"plan": "given"}
	for name, c := range map[string]struct {
		rule     Rule
		customer string
		applies  bool
		body     string
	}{
		"of the cohort":     {u, "ada", true, `{"error":"gold plan"}`},
		"without a plan":    {u, "bob", true, `{"error":"no plan"}`},
		"not of the cohort": {u, "eve", false, `{"error":"free plan"}`},
		"named":             {named, "ada", true, `{"error":"given plan"}`},
		"nobody":            {u, "", false, `{"error":"no plan"}`},
	} {
		p, err := r.Preview(t.Context(), testApp.ID, c.rule, c.customer, nil)
		if err != nil || p.Applies != c.applies || string(p.Decision.Body) != c.body {
			t.Errorf("%s: applies %v, %s, %v", name, p.Applies, p.Decision.Body, err)
		}
	}
	u.Cohort = "user-gone"
	if p, err := r.Preview(t.Context(), testApp.ID, u, "ada", nil); err != nil || p.Applies {
		t.Errorf("of a cohort that is gone: applies %v, %v", p.Applies, err)
	}
}
