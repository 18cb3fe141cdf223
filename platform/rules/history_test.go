package rules

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/pressly/goose/v3"
)

func history(t testing.TB, r *Rules, id string) []Version {
	t.Helper()
	list, _, err := r.History(t.Context(), testApp.ID, id, 0)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// told are the changes of a version in one line each.
func told(v Version) (lines []string) {
	for _, c := range v.Changes {
		lines = append(lines, fmt.Sprintf("%s: %s -> %s", c.Field, c.Before, c.After))
	}
	return lines
}

func TestHistorySaysWhoChangedWhat(t *testing.T) {
	r := stored(t)
	u := userRule("r", "ada", "bob")
	ctx := By(t.Context(), "ada@example.com")
	made, err := r.Create(ctx, testApp, u)
	if err != nil {
		t.Fatal(err)
	}
	id := made.Wire.ID
	u.Wire.Name, u.Wire.Response.Status = "renamed", 403
	u.Customers = []Customer{{ID: "bob"}, {ID: "cyd"}, {ID: "dan"}}
	if _, err := r.Replace(By(t.Context(), "bob@example.com"), testApp, id, u); err != nil {
		t.Fatal(err)
	}
	if _, err := r.SetState(ctx, testApp, id, Shadow); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(ctx, testApp, id); err != nil {
		t.Fatal(err)
	}
	list := history(t, r, id)
	var got []string
	for _, v := range list {
		got = append(got, fmt.Sprintf("%s %s %s exists %v %s", v.How, v.Name, v.Who, v.Exists, strings.Join(told(v), "; ")))
	}
	want := []string{
		`deleted renamed ada@example.com exists false `,
		`changed renamed ada@example.com exists false state: "on" -> "shadow"`,
		`changed renamed bob@example.com exists false name: "r" -> "renamed"; response.status: 429 -> 403; ` +
			`customers: {"count":2,"only":1,"ids":["ada"]} -> {"count":3,"only":2,"ids":["cyd","dan"]}`,
		`created r ada@example.com exists false `,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if all := history(t, r, ""); len(all) != 4 {
		t.Errorf("of all rules: %d versions", len(all))
	}
	if other, _, err := r.History(t.Context(), "other", "", 0); err != nil || len(other) != 0 {
		t.Errorf("another application sees %v (%v)", other, err)
	}
	if _, _, err := r.History(t.Context(), testApp.ID, "none", 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("of none: %v", err)
	}
}

func TestRevertBringsBackWhatWasButSwitchesNothingOn(t *testing.T) {
	r := stored(t)
	u := userRule("first", "ada", "bob")
	u.Wire.Variables = []wire.Variable{{Name: "0", Path: "p"}}
	u.Customers[0].Values = map[string]string{"0": "free"}
	first := create(t, r, u)
	id := first.Wire.ID
	second := userRule("second", "cyd")
	second.State = Off
	replace(t, r, id, second)
	versions := history(t, r, id)
	back, err := r.Revert(t.Context(), testApp, id, versions[1].Number, "")
	if err != nil {
		t.Fatal(err)
	}
	if back.State != Off || back.Wire.Name != "first" || !reflect.DeepEqual(back.Customers, first.Customers) {
		t.Errorf("got %+v", back)
	}
	if got := history(t, r, id)[0]; got.How != Reverted || len(got.Changes) != 3 { // name, variables, customers
		t.Errorf("written down: %s %v", got.How, told(got))
	}
	if len(servedIDs(t, r)) != 0 {
		t.Error("it was switched on")
	}
	if read, err := r.Rule(t.Context(), testApp.ID, id); err != nil || !reflect.DeepEqual(read, back) {
		t.Errorf("read %+v (%v)\nwant %+v", read, err, back)
	}
}

func TestADeletedRuleComesBackInItsPlace(t *testing.T) {
	r := stored(t)
	var ids []string
	for i := range 3 {
		ids = append(ids, create(t, r, userRule(fmt.Sprint("rule ", i), "ada")).Wire.ID)
	}
	before := documents(t, r)
	if err := r.Delete(t.Context(), testApp, ids[1]); err != nil {
		t.Fatal(err)
	}
	last := history(t, r, ids[1])[0]
	if _, err := r.Revert(t.Context(), testApp, ids[1], last.Number, ""); err != nil {
		t.Fatal(err)
	}
	if got := servedIDs(t, r); !slices.Equal(got, []string{ids[0], ids[2]}) {
		t.Errorf("it came back switched on: %v", got)
	}
	if _, err := r.SetState(t.Context(), testApp, ids[1], On); err != nil {
		t.Fatal(err)
	}
	after := documents(t, r)
	if got := servedIDs(t, r); !slices.Equal(got, ids) || after.Config.ETag != before.Config.ETag || after.Rules.ETag != before.Rules.ETag {
		t.Errorf("serves %v, want %v as before", got, ids)
	}
	if _, err := r.Revert(t.Context(), access.Application{ID: "other"}, ids[1], last.Number, On); !errors.Is(err, ErrNoVersion) {
		t.Errorf("another application's: %v", err)
	}
	for _, number := range []int64{0, -1, last.Number + 1000, history(t, r, ids[0])[0].Number} {
		if _, err := r.Revert(t.Context(), testApp, ids[1], number, ""); !errors.Is(err, ErrNoVersion) {
			t.Errorf("version %d: %v", number, err)
		}
	}
}

func TestHistoryIsBounded(t *testing.T) {
	r := stored(t)
	id := create(t, r, userRule("r", "user-0")).Wire.ID
	for i := range maxRuleVersions + 20 {
		replace(t, r, id, userRule("r", fmt.Sprint("user-", i+1)))
	}
	list, next, err := r.History(t.Context(), testApp.ID, id, 0)
	if err != nil || len(list) != maxRuleVersions || next != 0 {
		t.Errorf("%d versions, next %d (%v)", len(list), next, err)
	}
	var cohorts int
	if err := r.db.Reader().QueryRow("SELECT count(*) FROM rule_version_customers").Scan(&cohorts); err != nil || cohorts != maxRuleVersions {
		t.Errorf("%d cohorts are kept (%v)", cohorts, err)
	}
}

func TestHistoryIsPaged(t *testing.T) {
	r := stored(t)
	for range 3 {
		id := create(t, r, regexRule("r")).Wire.ID
		for i := range 50 {
			u := regexRule("r")
			u.Wire.Name = fmt.Sprint("name ", i)
			replace(t, r, id, u)
		}
	}
	var got []int64
	var before int64
	for pages := 0; pages < 5; pages++ {
		list, next, err := r.History(t.Context(), testApp.ID, "", before)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range list {
			got = append(got, v.Number)
		}
		if before = next; next == 0 {
			break
		}
	}
	if len(got) != 153 || !slices.IsSortedFunc(got, func(a, b int64) int { return int(b - a) }) {
		t.Errorf("%d versions: %v", len(got), got)
	}
}

// A rule of before there was a history has what it was as its first version.
func TestTheFirstChangeOfAnOldRuleKeepsWhatItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	old, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, old, os.DirFS("../state/migrations"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	_, err = old.Exec(`INSERT INTO rules (app, id, enabled, document, customers_hash, bytes, updated_at) VALUES
		('app', 'r1', 1, '{"_id":"r1","name":"old","type":"user","block":true,"variables":[{"name":"0","path":"p"}],"created_at":"2026-11-01T00:00:00Z"}', 'h', 10, 5),
		('app', 'r2', 0, '{"_id":"r2","name":"idle","type":"regex"}', '', 10, 5);
		INSERT INTO rule_customers (rule, id, merge_values) VALUES (1, 'ada', '{"0":"free"}')`)
	if err := errors.Join(err, old.Close()); err != nil {
		t.Fatal(err)
	}

	r := New(openState(t, path), time.Now)
	app := access.Application{Number: 1, ID: "app"}
	list, err := r.List(t.Context(), "app")
	if err != nil || len(list) != 2 || list[0].State != On || list[1].State != Off {
		t.Fatalf("got %+v (%v)", list, err)
	}
	if err := r.Delete(t.Context(), app, "r1"); err != nil {
		t.Fatal(err)
	}
	versions, _, err := r.History(t.Context(), "app", "r1", 0)
	if err != nil || len(versions) != 2 || versions[0].How != Deleted || versions[1].How != Before {
		t.Fatalf("got %+v (%v)", versions, err)
	}
	back, err := r.Revert(t.Context(), app, "r1", versions[1].Number, On)
	if err != nil || back.Wire.Name != "old" || len(back.Customers) != 1 || back.Customers[0].ID != "ada" || back.Customers[0].Values["0"] != "free" {
		t.Errorf("got %+v (%v)", back, err)
	}
}
