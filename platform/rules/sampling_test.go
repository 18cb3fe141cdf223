package rules

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
)

func TestTheHistoryOfSamplingRatesIsKept(t *testing.T) {
	db := openState(t, filepath.Join(t.TempDir(), "state.db"))
	now := noon
	r := New(db, func() time.Time { return now })
	s := NewSampling(db)
	app := access.Application{ID: "app", Number: 1}
	at := func(when time.Time, user string, weight int) string {
		t.Helper()
		rates, err := s.Of(t.Context(), app.ID)
		if err != nil {
			t.Fatal(err)
		}
		if rates == nil {
			return "none"
		}
		rate, ok := rates.Rate(&wire.Event{UserID: user, Weight: weight, Request: wire.Request{Time: when, Verb: "GET", URI: "https://a.test/x"}})
		return fmt.Sprint(rate, ok)
	}
	set := func(c Config) {
		t.Helper()
		if _, err := r.SetConfig(t.Context(), app, c); err != nil {
			t.Fatal(err)
		}
	}
	if got := at(noon, "", 3); got != "none" {
		t.Errorf("an application without a configuration has rates: %s", got)
	}
	set(Config{SampleRate: 30})
	now = noon.Add(time.Hour)
	set(Config{SampleRate: 30, BlockBotTraffic: true}) // no rate is changed
	now = noon.Add(2 * time.Hour)
	set(Config{SampleRate: 100, UserSampleRate: map[string]int{"ada": 70}})
	for _, c := range []struct {
		hours  float64
		user   string
		weight int
		want   string
	}{
		{-0.1, "", 3, "0 false"}, {0, "", 3, "30 true"}, {1.5, "ada", 3, "30 true"}, {1.5, "ada", 2, "0 false"}, {1.5, "ada", 1, "100 true"},
		{2, "ada", 1, "70 true"}, {2, "ada", 0, "70 true"}, {2, "bob", 1, "100 true"},
		{2.1, "ada", 3, "30 true"}, // an SDK that has not heard of it yet
		{2.2, "ada", 3, "0 false"},
	} {
		if got := at(noon.Add(time.Duration(c.hours*float64(time.Hour))), c.user, c.weight); got != c.want {
			t.Errorf("%v h, %q, weight %d: got %s, want %s", c.hours, c.user, c.weight, got, c.want)
		}
	}
	var rows int
	count := func() int {
		t.Helper()
		if err := db.Reader().QueryRow("SELECT count(*) FROM sampling_history").Scan(&rows); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	if count() != 2 {
		t.Errorf("%d rows", rows)
	}
	now = noon.Add(40 * 24 * time.Hour)
	set(Config{SampleRate: 50})
	if count() != 2 || at(noon.Add(30*24*time.Hour), "ada", 1) != "70 true" || at(noon, "", 3) != "0 false" {
		t.Errorf("%d rows after 40 days", rows)
	}
	for i := range 300 {
		now = now.Add(time.Second)
		set(Config{SampleRate: 1 + i%99})
	}
	if count() != 200 {
		t.Errorf("%d rows after many changes", rows)
	}
}

func TestTheRateIsTheOneThatMakesTheWeight(t *testing.T) {
	db := openState(t, filepath.Join(t.TempDir(), "state.db"))
	r := New(db, func() time.Time { return noon })
	s := NewSampling(db)
	app := access.Application{ID: "app", Number: 1}
	rate := func(n int) *int { return &n }
	_, err := r.SetConfig(t.Context(), app, Config{
		SampleRate: 45, UserSampleRate: map[string]int{"u": 30}, CompanySampleRate: map[string]int{"c": 15},
		RegexConfig: []wire.RegexGroup{
			{Conditions: []wire.Condition{{Path: "request.route", Value: "^/health$"}}, SampleRate: rate(7)},
			{Conditions: []wire.Condition{{Path: "response.status", Value: "404"}}, SampleRate: rate(12)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	rates, err := s.Of(t.Context(), app.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		user, company, uri string
		status, weight     int
		want               string
	}{
		{"u", "c", "https://a.test/x", 200, 3, "30 true"},      // as documented
		{"u", "c", "https://a.test/x", 200, 6, "15 true"},      // the lowest: kong
		{"", "c", "https://a.test/x", 200, 6, "15 true"},       //
		{"", "", "https://a.test/x", 200, 2, "45 true"},        // everyone's
		{"", "", "https://a.test/health?x", 200, 14, "7 true"}, // a group
		{"", "", "/health", 200, 14, "7 true"},                 //
		{"u", "", "https://a.test", 404, 8, "12 true"},         // the lower of user and group
		{"u", "", "https://a.test", 404, 3, "30 true"},         // go, node: groups are not known
		{"u", "c", "https://a.test/x", 200, 1, "100 true"},     // not sampled
		{"u", "c", "https://a.test/x", 200, 7, "15 true"},      // litellm rounds 6.67
		{"u", "c", "https://a.test/x", 200, 1000, "0 false"},   // somebody's own weight
	} {
		e := wire.Event{UserID: c.user, CompanyID: c.company, Weight: c.weight, Request: wire.Request{Time: noon, Verb: "GET", URI: c.uri}, Response: &wire.Response{Status: c.status}}
		got, ok := rates.Rate(&e)
		if fmt.Sprint(got, ok) != c.want {
			t.Errorf("%+v: got %d %v", c, got, ok)
		}
	}
}

func TestADatabaseOfTheVersionBeforeGetsItsSamplingHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	old, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	migrateTo(t, old, 2)
	if _, err := old.Exec(`INSERT INTO configurations (app, document, updated_at)
		VALUES ('app', '{"sample_rate":30,"user_sample_rate":{"u":70},"company_sample_rate":{},"regex_config":[]}', ?)`, noon.UnixMicro()); err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	rates, err := NewSampling(openState(t, path)).Of(t.Context(), "app")
	if err != nil {
		t.Fatal(err)
	}
	if rate, ok := rates.Rate(&wire.Event{Weight: 3, Request: wire.Request{Time: noon}}); rate != 30 || !ok {
		t.Errorf("got %d %v", rate, ok)
	}
}
