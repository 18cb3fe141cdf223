package rules

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/state"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 123456789, time.UTC)

func openState(t testing.TB, path string) *state.DB {
	t.Helper()
	db, err := state.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // some tests close it themselves
	return db
}

// stored are rules in a database of their own.
func stored(t testing.TB) *Rules {
	t.Helper()
	return New(openState(t, filepath.Join(t.TempDir(), "state.db")), func() time.Time { return noon })
}

func create(t testing.TB, r *Rules, u Rule) Rule {
	t.Helper()
	got, err := r.Create(t.Context(), testApp, u)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func replace(t testing.TB, r *Rules, id string, u Rule) Rule {
	t.Helper()
	got, err := r.Replace(t.Context(), testApp, id, u)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func documents(t testing.TB, r *Rules) *Documents {
	t.Helper()
	d, err := r.Of(t.Context(), testApp)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// servedIDs are the ids in /v1/rules, in order.
func servedIDs(t testing.TB, r *Rules) []string {
	t.Helper()
	ids := []string{}
	for _, u := range servedRules(t, documents(t, r)) {
		ids = append(ids, u.ID)
	}
	return ids
}

func servedRules(t testing.TB, d *Documents) []wire.Rule {
	t.Helper()
	list, err := wire.DecodeRules(d.Rules.Body)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func servedConfig(t testing.TB, r *Rules) wire.AppConfig {
	t.Helper()
	c, err := wire.DecodeAppConfig(documents(t, r).Config.Body)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func userRule(name string, users ...string) Rule {
	u := Rule{State: On, Wire: wire.Rule{Name: name, Type: typeUser, Block: true}}
	for _, id := range users {
		u.Customers = append(u.Customers, Customer{ID: id})
	}
	return u
}

func TestRulesComeBackAsTheyWereWritten(t *testing.T) {
	r := stored(t)
	want := example().rules[0]
	want.Wire.Name = "  with spaces around  "
	got := create(t, r, want)
	if len(got.Wire.ID) != 24 || strings.Trim(got.Wire.ID, "0123456789abcdef") != "" || !got.UpdatedAt.Equal(noon.Truncate(time.Microsecond)) {
		t.Errorf("id %q at %v", got.Wire.ID, got.UpdatedAt)
	}
	want.Wire.ID, want.Wire.CreatedAt, want.Wire.Name, want.UpdatedAt = got.Wire.ID, got.UpdatedAt, "with spaces around", got.UpdatedAt
	want.Customers[1].Values, want.StateAt = map[string]string{}, got.UpdatedAt
	if !reflect.DeepEqual(got, want) {
		t.Errorf("created %+v\nwant    %+v", got, want)
	}
	if read, err := r.Rule(t.Context(), testApp.ID, got.Wire.ID); err != nil || !reflect.DeepEqual(read, want) {
		t.Errorf("read %+v (%v)\nwant %+v", read, err, want)
	}
	if list, err := r.List(t.Context(), testApp.ID); err != nil || len(list) != 1 || !reflect.DeepEqual(list[0], want) {
		t.Errorf("listed %+v (%v)", list, err)
	}
	if list, err := r.List(t.Context(), "other"); err != nil || len(list) != 0 {
		t.Errorf("another application has %+v (%v)", list, err)
	}
}

func TestRulesAreServedInOrderOfCreation(t *testing.T) {
	r := stored(t)
	var want []string
	for i := range 5 {
		want = append(want, create(t, r, userRule(fmt.Sprint("rule ", i), "ada")).Wire.ID)
	}
	replace(t, r, want[1], userRule("changed", "ada"))
	if got := servedIDs(t, r); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	refs := servedConfig(t, r).UserRules["ada"]
	for i, ref := range refs {
		if ref.Rules != want[i] {
			t.Errorf("ada's rules are %v, want %v", refs, want)
		}
	}
	if err := r.Delete(t.Context(), testApp, want[0]); err != nil {
		t.Fatal(err)
	}
	if got := servedIDs(t, r); !slices.Equal(got, want[1:]) {
		t.Errorf("after a deletion %v, want %v", got, want[1:])
	}
}

func TestOnlyRulesThatAreOnAreServedAndNamed(t *testing.T) {
	r := stored(t)
	off := userRule("off", "ada", "bob")
	off.State = Off
	id := create(t, r, off).Wire.ID
	create(t, r, userRule("on", "ada"))
	if ids, c := servedIDs(t, r), servedConfig(t, r); len(ids) != 1 || len(c.UserRules["ada"]) != 1 || len(c.UserRules) != 1 {
		t.Errorf("serves %v and %v", ids, c.UserRules)
	}
	on := off
	on.State = On
	replace(t, r, id, on)
	if ids, c := servedIDs(t, r), servedConfig(t, r); len(ids) != 2 || len(c.UserRules["ada"]) != 2 || len(c.UserRules["bob"]) != 1 {
		t.Errorf("switched on: serves %v and %v", ids, c.UserRules)
	}
	replace(t, r, id, off)
	if err := r.Delete(t.Context(), testApp, id); err != nil {
		t.Fatal(err)
	}
	if ids, c := servedIDs(t, r), servedConfig(t, r); len(ids) != 1 || len(c.UserRules) != 1 {
		t.Errorf("deleted: serves %v and %v", ids, c.UserRules)
	}
}

func TestCustomersAreReplacedWhole(t *testing.T) {
	r := stored(t)
	id := create(t, r, userRule("r", "ada", "bob")).Wire.ID
	u := userRule("r", "cyd")
	u.Wire.Variables = []wire.Variable{{Name: "0", Path: "body.plan"}}
	u.Customers[0].Values = map[string]string{"0": "pläne \" \\ <b>\u2028"}
	replace(t, r, id, u)
	c := servedConfig(t, r)
	if len(c.UserRules) != 1 || c.UserRules["cyd"][0].Values["0"] != u.Customers[0].Values["0"] {
		t.Errorf("got %v", c.UserRules)
	}
	u.Wire.Type = typeCompany
	replace(t, r, id, u)
	if c := servedConfig(t, r); len(c.UserRules) != 0 || len(c.CompanyRules) != 1 {
		t.Errorf("as companies: %v and %v", c.UserRules, c.CompanyRules)
	}
	u.Customers = nil
	replace(t, r, id, u)
	if c := servedConfig(t, r); len(c.CompanyRules) != 0 {
		t.Errorf("got %v", c.CompanyRules)
	}
	var left int
	if err := r.db.Reader().QueryRow("SELECT count(*) FROM rule_customers").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d customers are left (%v)", left, err)
	}
}

func TestUnknownRulesAreNotFound(t *testing.T) {
	r := stored(t)
	id := create(t, r, userRule("r")).Wire.ID
	other := access.Application{Number: 4, ID: "other"}
	_, none := r.Rule(t.Context(), testApp.ID, "none")
	_, empty := r.Rule(t.Context(), testApp.ID, "")
	_, foreign := r.Rule(t.Context(), other.ID, id)
	_, change := r.Replace(t.Context(), testApp, "none", userRule("r"))
	_, changeEmpty := r.Replace(t.Context(), testApp, "", userRule("r"))
	_, changeForeign := r.Replace(t.Context(), other, id, userRule("r"))
	for i, err := range []error{none, empty, foreign, change, changeEmpty, changeForeign, r.Delete(t.Context(), testApp, "none"), r.Delete(t.Context(), other, id)} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%d: got %v", i, err)
		}
	}
	if err := r.Delete(t.Context(), testApp, id); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(t.Context(), testApp, id); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
}

func TestRestartGivesTheSameTags(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db := openState(t, path)
	r := New(db, time.Now)
	for _, u := range example().rules {
		create(t, r, u)
	}
	if _, err := r.SetConfig(t.Context(), testApp, example().config); err != nil {
		t.Fatal(err)
	}
	before := documents(t, r)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	after := documents(t, New(openState(t, path), time.Now))
	if after.Tags != before.Tags || after.Config.ETag != before.Config.ETag || after.Rules.ETag != before.Rules.ETag {
		t.Errorf("got %+v, want %+v", after.Tags, before.Tags)
	}
}

func TestConfigurationIsKeptAndServed(t *testing.T) {
	r := stored(t)
	if c, err := r.Config(t.Context(), testApp.ID); err != nil || !reflect.DeepEqual(c, DefaultConfig()) || c.SampleRate != 100 {
		t.Errorf("got %+v (%v)", c, err)
	}
	want := example().config
	for range 2 {
		if got, err := r.SetConfig(t.Context(), testApp, want); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v (%v)", got, err)
		}
	}
	if got, err := r.Config(t.Context(), testApp.ID); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v (%v)", got, err)
	}
	if c := servedConfig(t, r); c.SampleRate != 50 || !c.BlockBotTraffic || c.IPAddressesBlockedByName["scraper"] != "203.0.113.9" || *c.RegexConfig[0].SampleRate != 10 {
		t.Errorf("serves %+v", c)
	}
}

func TestEditsThatDoNotTouchCohortsLeaveTheConfigurationInPlace(t *testing.T) {
	r := stored(t)
	member := create(t, r, userRule("r", "ada"))
	before := documents(t, r)
	steps := map[string]func(){
		"another rule":      func() { create(t, r, regexRule("r")) },
		"the rule's answer": func() { member.Wire.Response.Status = 403; replace(t, r, member.Wire.ID, member) },
	}
	for name, step := range steps {
		step()
		after := documents(t, r)
		if &after.Config.Body[0] != &before.Config.Body[0] || after.Config.ETag != before.Config.ETag {
			t.Errorf("%s: the configuration was written anew", name)
		}
		if after.Tags.Config == before.Tags.Config || after.Tags.Rules == before.Tags.Rules {
			t.Errorf("%s: the tags did not change", name)
		}
		w := get(r, configDocument, "If-None-Match", `"`+before.Config.ETag+`"`)
		if w.Code != 304 || w.Header().Get(wire.ConfigTagHeader) != after.Tags.Config {
			t.Errorf("%s: got %d, %v", name, w.Code, w.Header())
		}
		before = after
	}
}

func TestFailedEditsChangeNothing(t *testing.T) {
	r := stored(t)
	id := create(t, r, userRule("r", "ada")).Wire.ID
	before := documents(t, r)
	var invalid *InvalidError
	bad := userRule("r", "bob", "bob")
	if _, err := r.Replace(t.Context(), testApp, id, bad); !errors.As(err, &invalid) {
		t.Errorf("got %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Replace(ended, testApp, id, userRule("r", "bob")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if after := documents(t, r); after != before {
		t.Error("the documents changed")
	}
}

// After a commit that could not be read again the old documents are served, and
// the new ones as soon as they can be made.
func TestDocumentsCatchUpAfterTheDatabaseFailed(t *testing.T) {
	dir := t.TempDir()
	db := openState(t, filepath.Join(dir, "state.db"))
	r := New(db, time.Now)
	before := documents(t, r)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.refresh(t.Context(), testApp, r.of(testApp.ID)); err == nil {
		t.Fatal("read from a closed database")
	}
	if got := documents(t, r); got != before {
		t.Error("the documents are gone")
	}
	fresh := New(openState(t, filepath.Join(dir, "state.db")), time.Now)
	create(t, fresh, userRule("r"))
	r.db = fresh.db
	if got := servedIDs(t, r); len(got) != 1 {
		t.Errorf("serves %v", got)
	}
}

func TestNobodyWaitsForDocumentsThatAreBeingMade(t *testing.T) {
	r, d := published(t)
	s := r.of(testApp.ID)
	s.building.Lock()
	defer s.building.Unlock()
	for _, stale := range []bool{false, true} {
		s.stale.Store(stale)
		if got := documents(t, r); got != d {
			t.Errorf("stale %v: got others", stale)
		}
	}
}

func TestEditsAtTheSameTimeAreAllServed(t *testing.T) {
	r := stored(t)
	done := make(chan error)
	for i := range 8 {
		go func() {
			_, err := r.Create(context.Background(), testApp, userRule(fmt.Sprint(i), "ada"))
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if ids, c := servedIDs(t, r), servedConfig(t, r); len(ids) != 8 || len(c.UserRules["ada"]) != 8 {
		t.Errorf("serves %v and %v", ids, c.UserRules)
	}
}

func TestAnEditWakesWhoWaits(t *testing.T) {
	r := stored(t)
	d := documents(t, r)
	answers := make(chan *httptest.ResponseRecorder)
	go func() {
		answers <- get(r, rulesDocument, "Prefer", "wait=60", "If-None-Match", d.Rules.Tag)
	}()
	id := create(t, r, regexRule("r")).Wire.ID
	if w := <-answers; w.Code != 200 || !strings.Contains(w.Body.String(), id) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}
