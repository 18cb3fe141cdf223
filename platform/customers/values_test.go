package customers_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/customers"
)

func TestValuesAreFoundInProfiles(t *testing.T) {
	s := openStore(t)
	u, err := wire.DecodeUser([]byte(`{"user_id":"ada","company_id":"acme","campaign":{"utm_term":"api"},
		"metadata":{"first_name":"Ada","last_name":"L.","email":"ada@acme.example","plan":{"name":"<gold>","seats":12345678901234567890},"a.b":"dotted","a":{"b":"nested","c":[1,"x"]},"off":false,"none":null}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.UpsertUsers(t.Context(), "app", []wire.User{u}); err != nil {
		t.Fatal(err)
	}
	if err := s.Seen(t.Context(), "app", []customers.Seen{{Kind: customers.KindUser, ID: "bob", Company: "bolt", First: noon, Last: noon.Add(time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.UpsertCompanies(t.Context(), "app", []wire.Company{{CompanyID: "acme", CompanyDomain: "acme.example", Metadata: []byte(`{"name":"Acme"}`)}}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"user_id": "ada", "identified_user_id": "ada", "company_id": "acme", "name": "Ada L.", "email": "ada@acme.example", "campaign.utm_term": "api",
		"body.plan.name": "<gold>", "metadata.plan.seats": "12345678901234567890", "body.a.b": "dotted", "body.a.c": `[1,"x"]`, "body.plan": `{"name":"<gold>","seats":12345678901234567890}`,
		"body.off": "false", "body.none": "", "body.nothing": "", "body.plan.name.more": "", "geo_ip.city_name": "", "first_seen_time": "", "": "", ".": "", "body.": "",
	}
	var paths, texts []string
	for path, text := range want {
		paths, texts = append(paths, path), append(texts, text)
	}
	found, err := s.Values(t.Context(), "app", customers.KindUser, []string{"ada", "nobody"}, paths)
	if err != nil || len(found) != 1 {
		t.Fatalf("got %v, %v", found, err)
	}
	for i, text := range texts {
		if got := found["ada"][i]; got != text {
			t.Errorf("%s: got %q, want %q", paths[i], got, text)
		}
	}
	for kind, c := range map[string]struct {
		id          string
		paths, want []string
	}{
		customers.KindUser:    {"bob", []string{"first_seen_time", "company_id", "name"}, []string{"2026-11-22T12:00:00Z", "bolt", ""}},
		customers.KindCompany: {"acme", []string{"company_id", "company_domain", "name", "user_id"}, []string{"acme", "acme.example", "Acme", ""}},
	} {
		found, err := s.Values(t.Context(), "app", kind, []string{c.id}, c.paths)
		if err != nil || !reflect.DeepEqual(found, map[string][]string{c.id: c.want}) {
			t.Errorf("%s: got %q, %v", kind, found, err)
		}
	}
	if found, err := s.Values(t.Context(), "another", customers.KindUser, []string{"ada"}, paths); err != nil || len(found) != 0 {
		t.Errorf("of another application: %q, %v", found, err)
	}
}

func TestWhoeverChangesAProfileIsHeard(t *testing.T) {
	s := openStore(t)
	var heard []string
	s.OnChange(func(app, kind string) { heard = append(heard, app+" "+kind) })
	hears := func(want ...string) {
		t.Helper()
		if !reflect.DeepEqual(heard, want) {
			t.Errorf("heard %q, want %q", heard, want)
		}
		heard = nil
	}
	if _, err := s.UpsertCompanies(t.Context(), "app", []wire.Company{{CompanyID: "acme"}}); err != nil {
		t.Fatal(err)
	}
	hears("app company")
	if _, err := s.UpsertSubscriptions(t.Context(), "app", []wire.Subscription{{SubscriptionID: "s", CompanyID: "acme"}}); err != nil {
		t.Fatal(err)
	}
	hears("app company")
	if err := s.Delete(t.Context(), "app", customers.KindSubscription, "s"); err != nil {
		t.Fatal(err)
	}
	hears("app company")
	if err := s.Delete(t.Context(), "app", customers.KindUser, "nobody"); err == nil {
		t.Error("somebody who is not there was deleted")
	}
	hears()
	if _, err := s.Forget(t.Context(), "app", customers.KindCompany, "acme"); err != nil {
		t.Fatal(err)
	}
	hears("app company", "app user")
}
