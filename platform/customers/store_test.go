package customers_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/customers"
	"github.com/gatemeter/gatemeter/platform/state"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func openStore(t *testing.T) *customers.Store {
	t.Helper()
	s, _ := openStoreAndState(t)
	return s
}

func openStoreAndState(t testing.TB) (*customers.Store, *state.DB) {
	t.Helper()
	db, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return customers.New(db, func() time.Time { return noon }), db
}

func equalJSON(t *testing.T, got []byte, want string) {
	t.Helper()
	var g, w any
	if err := errors.Join(json.Unmarshal(got, &g), json.Unmarshal([]byte(want), &w)); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestUpsertsMergeRecursively(t *testing.T) {
	s := openStore(t)
	for _, doc := range []string{
		`{"user_id":"ada","company_id":"acme","session_token":"s1","metadata":{"name":"Ada","address":{"city":"London","zip":12345678901234567890},"tags":["a","b"]}}`,
		`{"user_id":"ada","session_token":"s2","metadata":{"email":"ada@example.com","address":{"city":"Paris"},"tags":["c"]},"campaign":{"utm_source":"news"}}`,
	} {
		u, err := wire.DecodeUser([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		if rejected, err := s.UpsertUsers(t.Context(), "app", []wire.User{u}); err != nil || len(rejected) > 0 {
			t.Fatalf("%v, %v", rejected, err)
		}
	}
	u, err := s.User(t.Context(), "app", "ada")
	if err != nil {
		t.Fatal(err)
	}
	equalJSON(t, u.Metadata, `{"name":"Ada","email":"ada@example.com","address":{"city":"Paris","zip":12345678901234567890},"tags":["c"]}`)
	if !strings.Contains(string(u.Metadata), "12345678901234567890") {
		t.Errorf("a large number lost its digits: %s", u.Metadata)
	}
	if u.Name != "Ada" || u.Email != "ada@example.com" || u.CompanyID != "acme" {
		t.Errorf("got %+v", u)
	}
	if !u.FirstSeen.IsZero() {
		t.Errorf("first seen %v before the first call", u.FirstSeen)
	}
}

func TestApplicationsDoNotShareCustomers(t *testing.T) {
	s := openStore(t)
	if _, err := s.UpsertCompanies(t.Context(), "one", []wire.Company{{CompanyID: "acme", CompanyDomain: "acme.test"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Company(t.Context(), "two", "acme"); !errors.Is(err, customers.ErrNotFound) {
		t.Errorf("got %v, want not found", err)
	}
	c, err := s.Company(t.Context(), "one", "acme")
	if err != nil || c.Domain != "acme.test" {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestSeenKeepsTheEarliestAndTheLatestInAnyOrder(t *testing.T) {
	s := openStore(t)
	if _, err := s.UpsertUsers(t.Context(), "app", []wire.User{{UserID: "ada"}}); err != nil {
		t.Fatal(err)
	}
	at := func(h int) time.Time { return noon.Add(time.Duration(h) * time.Hour) }
	calls := []customers.Seen{
		{Kind: customers.KindUser, ID: "ada", First: at(3), Last: at(5), Company: "acme"},
		{Kind: customers.KindUser, ID: "ada", First: at(1), Last: at(2), Company: "older"},
		{Kind: customers.KindUser, ID: "ada", First: at(6), Last: at(7)},
		{Kind: customers.KindCompany, ID: "acme", First: at(3), Last: at(5)},
	}
	for range 2 {
		if err := s.Seen(t.Context(), "app", calls); err != nil {
			t.Fatal(err)
		}
	}
	u, err := s.User(t.Context(), "app", "ada")
	if err != nil {
		t.Fatal(err)
	}
	if !u.FirstSeen.Equal(at(1)) || !u.LastSeen.Equal(at(7)) || u.CompanyID != "acme" {
		t.Errorf("got %+v", u)
	}
	c, err := s.Company(t.Context(), "app", "acme")
	if err != nil || c.Users != 1 || !c.LastSeen.Equal(at(5)) {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestProfileCanNotGrowForEver(t *testing.T) {
	s := openStore(t)
	big := wire.User{UserID: "big", Metadata: json.RawMessage(`{"x":"` + strings.Repeat("x", customers.MaxProfile) + `"}`)}
	rejected, err := s.UpsertUsers(t.Context(), "app", []wire.User{{UserID: "small"}, big})
	if err != nil || len(rejected) != 1 || rejected[0] != (wire.Rejection{Index: 1, Reason: customers.TooLarge}) {
		t.Fatalf("got %v, %v", rejected, err)
	}
	users, err := s.Users(t.Context(), "app", true)
	if err != nil || len(users) != 1 || users[0].ID != "small" {
		t.Errorf("got %v, %v", users, err)
	}
}

func TestSubscriptionsAreMergedLikewise(t *testing.T) {
	s, db := openStoreAndState(t)
	for _, doc := range []string{
		`{"subscription_id":"s","company_id":"acme","status":"trialing","items":[{"plan_id":"p"}]}`,
		`{"subscription_id":"s","company_id":"acme","metadata":{"seats":3}}`,
	} {
		v, err := wire.DecodeSubscription([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.UpsertSubscriptions(t.Context(), "app", []wire.Subscription{v}); err != nil {
			t.Fatal(err)
		}
	}
	var company, status, profile string
	err := db.Reader().QueryRow("SELECT company_id, status, profile FROM subscriptions WHERE app = 'app' AND id = 's'").Scan(&company, &status, &profile)
	if err != nil || company != "acme" || status != "trialing" {
		t.Errorf("got %q, %q, %v", company, status, err)
	}
	equalJSON(t, []byte(profile), `{"items":[{"plan_id":"p"}],"metadata":{"seats":3}}`)
}
