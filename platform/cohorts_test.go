package platform_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

const busy = `{"name":"Busy","kind":"user","criteria":{"match":"all","conditions":[{"usage":{"measure":"calls","op":"at_least","value":2,"hours":1}}]}}`

type cohortShown struct {
	ID, Name, Kind string
	Members        int
	Criteria       json.RawMessage
	Sizes          []struct{ Members int }
	EvaluatedAt    *time.Time `json:"evaluated_at"`
}

func (s *server) calls(n int, user, company string) {
	s.t.Helper()
	list := make([]string, n)
	for i := range list {
		list[i] = call(ago(time.Second, goTime), 200, user, company)
	}
	s.collect("/v1/events/batch", "["+strings.Join(list, ",")+"]")
}

func TestARuleHearsOfWhoEntersItsCohort(t *testing.T) {
	s := start(t, t.TempDir())
	id := s.edit(201, "POST", "/cohorts", busy)
	var c cohortShown
	s.ask("/cohorts/"+id, &c)
	if c.Name != "Busy" || c.Members != 0 || c.EvaluatedAt == nil || len(c.Sizes) != 1 || !strings.Contains(string(c.Criteria), `"value":2`) {
		t.Fatalf("got %+v", c)
	}
	rule := s.edit(201, "POST", "/rules", `{"name":"slow down","type":"user","enabled":true,"block":true,"cohort":"`+id+`"}`)
	before := s.fetch("/v1/config", nil)
	if strings.Contains(string(before.body), rule) {
		t.Fatalf("somebody is in: %s", before.body)
	}
	answers := s.waiting(3, before.header)
	s.calls(1, "bob", "")
	s.calls(2, "ada", "")
	for range 3 {
		told := <-answers
		config, err := wire.DecodeAppConfig(told.body)
		if err != nil || told.status != http.StatusOK || len(config.UserRules) != 1 || len(config.UserRules["ada"]) != 1 || config.UserRules["ada"][0].Rules != rule {
			t.Fatalf("got %d %s, %v", told.status, told.body, err)
		}
	}

	var members struct {
		Members []struct {
			ID        string
			EnteredAt *time.Time `json:"entered_at"`
			LastSeen  *time.Time `json:"last_seen"`
		}
		Next string
	}
	s.ask("/cohorts/"+id+"/members", &members)
	if len(members.Members) != 1 || members.Members[0].ID != "ada" || members.Members[0].EnteredAt == nil || members.Members[0].LastSeen == nil || members.Next != "" {
		t.Errorf("got %+v", members)
	}
	var standing struct {
		Cohorts []struct{ ID, Name string }
		Rules   []struct{ ID, Why string }
	}
	s.ask("/users/ada/standing", &standing)
	if len(standing.Cohorts) != 1 || standing.Cohorts[0].Name != "Busy" || len(standing.Rules) != 1 || standing.Rules[0].ID != rule || standing.Rules[0].Why != "cohort" {
		t.Errorf("got %+v", standing)
	}
	s.ask("/users/bob/standing", &standing)
	if len(standing.Cohorts)+len(standing.Rules) != 0 {
		t.Errorf("got %+v", standing)
	}
	var feed struct {
		Changes []struct {
			ID, Kind        string
			Entered, Edited bool
		}
	}
	for path, want := range map[string]int{"": 1, "?user_id=ada": 1, "?company_id=ada": 0, "?cohort=" + id: 1, "?cohort=co_other": 0} {
		s.ask("/cohorts/changes"+path, &feed)
		if len(feed.Changes) != want || want == 1 && (feed.Changes[0].ID != "ada" || !feed.Changes[0].Entered || feed.Changes[0].Edited) {
			t.Errorf("%q: got %+v", path, feed)
		}
	}
	s.edit(409, "DELETE", "/cohorts/"+id, "")
	s.edit(204, "DELETE", "/rules/"+rule, "")
	s.edit(204, "DELETE", "/cohorts/"+id, "")
	s.edit(404, "DELETE", "/cohorts/"+id, "")
}

func TestACohortIsPreviewedAndEdited(t *testing.T) {
	s := start(t, t.TempDir())
	s.collect("/v1/companies/batch", `[{"company_id":"acme","company_domain":"acme.test","metadata":{"name":"Acme","plan":"free"}},{"company_id":"bolt","metadata":{"plan":"pro"}}]`)
	s.collect("/v1/subscriptions", `{"subscription_id":"sub_1","company_id":"acme","status":"trialing","current_period_end":"2026-12-01T00:00:00Z","items":[{"plan_id":"gold"}],"metadata":{"seats":3}}`)
	criteria := `{"match":"all","conditions":[{"attribute":{"field":"metadata.plan","op":"is","values":["FREE"]}}]}`
	a := s.do("POST", "/api/v1/cohorts/preview", `{"kind":"company","criteria":`+criteria+`}`, "Authorization", "Bearer "+adminToken, "Content-Type", "application/json")
	var preview struct {
		Members   int
		Customers []struct{ ID, Name, Detail string }
	}
	if err := json.Unmarshal(a.body, &preview); err != nil || a.status != 200 || preview.Members != 1 || preview.Customers[0].Name != "Acme" || preview.Customers[0].Detail != "acme.test" {
		t.Fatalf("got %d %s, %v", a.status, a.body, err)
	}
	var fields struct{ Fields []string }
	s.ask("/cohorts/fields?kind=company", &fields)
	if got := strings.Join(fields.Fields, " "); !strings.HasPrefix(got, "metadata.plan metadata.name ") || !strings.Contains(got, "subscription.status") {
		t.Errorf("got %q", got)
	}
	id := s.edit(201, "POST", "/cohorts", `{"name":"Free","kind":"company","criteria":`+criteria+`}`)
	s.edit(200, "PUT", "/cohorts/"+id, `{"name":"Pro","kind":"company","criteria":`+strings.Replace(criteria, "FREE", "pro", 1)+`}`)
	var list struct{ Cohorts []cohortShown }
	s.ask("/cohorts", &list)
	if len(list.Cohorts) != 1 || list.Cohorts[0].Name != "Pro" || list.Cohorts[0].Members != 1 {
		t.Errorf("got %+v", list)
	}
	s.collect("/v1/companies", `{"company_id":"acme","metadata":{"plan":"pro"}}`)
	eventually(t, "acme in the cohort", func() bool {
		s.ask("/cohorts", &list)
		return list.Cohorts[0].Members == 2
	})
	var subscriptions struct {
		Subscriptions []struct {
			ID     string `json:"subscription_id"`
			Status string
			End    *time.Time `json:"current_period_end"`
			Items  []struct {
				Plan string `json:"plan_id"`
			}
			Metadata map[string]any
		}
	}
	s.ask("/companies/acme/subscriptions", &subscriptions)
	if got := subscriptions.Subscriptions; len(got) != 1 || got[0].ID != "sub_1" || got[0].Status != "trialing" || got[0].End == nil || got[0].Items[0].Plan != "gold" || got[0].Metadata["seats"] != 3.0 {
		t.Errorf("got %+v", got)
	}
	s.ask("/companies/bolt/subscriptions", &subscriptions)
	if len(subscriptions.Subscriptions) != 0 {
		t.Errorf("got %+v", subscriptions)
	}
}

func TestBadCohortRequestsSayWhatIsWrong(t *testing.T) {
	s := start(t, t.TempDir())
	id := s.edit(201, "POST", "/cohorts", busy)
	for _, c := range []struct {
		status             int
		method, path, body string
		want               string
	}{
		{422, "POST", "/cohorts", strings.Replace(busy, "at_least", ">=", 1), "body.criteria.conditions[0].usage.op"},
		{422, "POST", "/cohorts", strings.Replace(busy, `"usage"`, `"mood"`, 1), "body.criteria.conditions[0]"},
		{422, "POST", "/cohorts", strings.Replace(busy, "Busy", " ", 1), "body.name"},
		{422, "POST", "/cohorts", strings.Replace(busy, `"value":2`, `"value":-2`, 1), "body.criteria.conditions[0].usage.value"},
		{422, "POST", "/cohorts/preview", `{"kind":"company","criteria":{"match":"all","conditions":[{"attribute":{"field":"plan'; DROP TABLE cohorts;--","op":"exists"}}]}}`, "body.criteria.conditions[0].attribute.field"},
		{422, "PUT", "/cohorts/" + id, strings.Replace(busy, `"user"`, `"company"`, 1), "body.kind"},
		{404, "PUT", "/cohorts/co_none", busy, "there is none"},
		{404, "GET", "/cohorts/co_none", "", "there is none"},
		{404, "GET", "/cohorts/co_none/members", "", "there is none"},
		{422, "GET", "/cohorts/" + id + "/members?cursor=x", "", "query.cursor"},
		{422, "GET", "/cohorts/changes?cursor=-1", "", "query.cursor"},
		{422, "GET", "/cohorts/changes?user_id=a&company_id=b", "", "query.user_id"},
		{422, "POST", "/rules", `{"name":"r","type":"company","cohort":"` + id + `"}`, "body.cohort"},
	} {
		a := s.do(c.method, "/api/v1"+c.path, c.body, "Authorization", "Bearer "+adminToken, "Content-Type", "application/json")
		if a.status != c.status || !strings.Contains(string(a.body), c.want) {
			t.Errorf("%s %s: got %d %s, want %d and %q", c.method, c.path, a.status, a.body, c.status, c.want)
		}
	}
	for _, path := range []string{"/cohorts", "/cohorts/" + id, "/cohorts/changes", "/cohorts/fields", "/users/ada/standing", "/companies/acme/subscriptions"} {
		if a := s.do("GET", "/api/v1"+path, ""); a.status != http.StatusUnauthorized {
			t.Errorf("%s: a stranger gets %d", path, a.status)
		}
	}
}
