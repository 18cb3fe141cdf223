package platform_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestEveryFieldOfTheAPIIsDocumented(t *testing.T) {
	s := start(t, t.TempDir())
	a := s.do(http.MethodGet, "/api/openapi.json", "")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Summary    string
			Security   []map[string][]string
			Parameters []struct {
				Name, Description string
				Example           any
				Schema            struct{ Examples []any }
			}
		}
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Description, Ref string
					Examples         []any
					Type             any
				}
			}
			SecuritySchemes map[string]any
		}
	}
	if err := json.Unmarshal(a.body, &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || len(doc.Components.SecuritySchemes) != 2 {
		t.Errorf("OpenAPI %s with security schemes %v", doc.OpenAPI, doc.Components.SecuritySchemes)
	}
	operations := 0
	for path, methods := range doc.Paths {
		for method, o := range methods {
			operations++
			if o.Summary == "" {
				t.Errorf("%s %s: no summary", method, path)
			}
			for _, p := range o.Parameters {
				if p.Description == "" || p.Example == nil && p.Schema.Examples == nil {
					t.Errorf("%s %s: parameter %s without description or example", method, path, p.Name)
				}
			}
		}
	}
	if operations < 36 {
		t.Errorf("only %d operations", operations)
	}
	for name, schema := range doc.Components.Schemas {
		if strings.HasPrefix(name, "Error") {
			continue // of the problem documents
		}
		for field, p := range schema.Properties {
			if p.Description == "" {
				t.Errorf("%s.%s: no description", name, field)
			}
			// Bodies are any value; lists and objects are made of described parts.
			if p.Type != nil && p.Type != "array" && p.Examples == nil {
				t.Errorf("%s.%s: no example", name, field)
			}
		}
	}
	if _, ok := doc.Components.Schemas["WireEvent"].Properties["transaction_id"]; !ok {
		t.Error("events are not described in wire form")
	}
}

// usage fills the platform with calls of three users at two companies.
func usage(t *testing.T) *server {
	t.Helper()
	s := start(t, t.TempDir())
	var calls []string
	for i := range 12 {
		user, company, status := "ada", "acme", 200
		switch {
		case i >= 9:
			user, company = "bob", "bolt"
		case i >= 6:
			user, status = "cyd", 500
		}
		calls = append(calls, call(ago(time.Duration(i+1)*time.Second, goTime), status, user, company))
	}
	s.collect("/v1/events/batch", "["+strings.Join(calls, ",")+"]")
	s.collect("/v1/companies/batch", `[{"company_id":"acme","company_domain":"acme.test","metadata":{"name":"Acme"}},{"company_id":"calm","metadata":{"name":"Calm"}}]`)
	s.collect("/v1/users/batch", `[{"user_id":"ada","company_id":"acme","metadata":{"name":"Ada","email":"ada@acme.test"}},{"user_id":"idle","company_id":"calm"}]`)
	eventually(t, "twelve events", func() bool { return len(s.events("?bodies=false").Events) == 12 })
	return s
}

func TestUsageIsCountedByCompanyAndOverTime(t *testing.T) {
	s := usage(t)
	var top struct {
		By    string
		Total struct{ Calls, Errors int64 }
		Rows  []struct {
			Key       string
			Calls     int64
			Errors    int64
			ErrorRate float64    `json:"error_rate"`
			P95       *float64   `json:"p95_ms"`
			LastSeen  *time.Time `json:"last_seen"`
		}
	}
	s.ask("/usage/top?by=company", &top)
	if top.By != "company" || top.Total.Calls != 12 || top.Total.Errors != 3 || len(top.Rows) != 2 {
		t.Fatalf("got %+v", top)
	}
	if r := top.Rows[0]; r.Key != "acme" || r.Calls != 9 || r.Errors != 3 || r.ErrorRate < 0.33 || r.ErrorRate > 0.34 || r.P95 == nil || r.LastSeen == nil {
		t.Errorf("got %+v", r)
	}
	s.ask("/usage/top?by=user&company_id=acme&errors=true&limit=1", &top)
	if top.Total.Calls != 3 || len(top.Rows) != 1 || top.Rows[0].Key != "cyd" {
		t.Errorf("got %+v", top)
	}
	var series struct {
		Interval int64 `json:"interval_seconds"`
		Groups   []struct {
			Key    string
			Calls  int64
			Points []struct {
				T     time.Time
				Calls int64
				P50   *float64 `json:"p50_ms"`
			}
		}
	}
	s.ask("/usage/series?from=-1h&to=now&by=company&groups=1", &series)
	if len(series.Groups) != 2 || series.Groups[0].Key != "acme" || series.Groups[1].Key != "(others)" || series.Interval != 30 {
		t.Fatalf("got %+v", series)
	}
	for _, g := range series.Groups {
		var sum int64
		gaps := 0
		for _, p := range g.Points {
			sum += p.Calls
			if p.Calls == 0 && p.P50 == nil {
				gaps++
			}
		}
		if sum != g.Calls || gaps < 100 || len(g.Points) < 120 {
			t.Errorf("%s: %d calls in %d points (%d gaps), want %d", g.Key, sum, len(g.Points), gaps, g.Calls)
		}
	}
	s.ask("/usage/series?interval=1h", &series)
	if len(series.Groups) != 1 || series.Groups[0].Key != "" || series.Interval != 3600 {
		t.Errorf("got %+v", series)
	}
}

func TestCustomersAreListedWithTheirUsageAndWithoutAny(t *testing.T) {
	s := usage(t)
	ids := func(path, list, id string) (found []string, next string) {
		t.Helper()
		var answer map[string]json.RawMessage
		s.ask(path, &answer)
		var rows []map[string]any
		if err := json.Unmarshal(answer[list], &rows); err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			found = append(found, fmt.Sprintf("%v:%v", r[id], r["calls"]))
		}
		if err := json.Unmarshal(answer["next"], &next); err != nil {
			t.Fatal(err)
		}
		return found, next
	}
	for path, want := range map[string]string{
		"/companies":            "[acme:9 bolt:3 calm:0]",
		"/companies?sort=name":  "[acme:9 calm:0 bolt:3]",
		"/companies?q=ACME.t":   "[acme:9]",
		"/companies?from=-5500": "[acme:9 bolt:3 calm:0]",
	} {
		if got, _ := ids(path, "companies", "company_id"); fmt.Sprint(got) != want {
			t.Errorf("%s: got %v, want %s", path, got, want)
		}
	}
	for path, want := range map[string]string{
		"/users":                  "[ada:6 bob:3 cyd:3 idle:0]",
		"/users?company_id=acme":  "[ada:6 cyd:3]",
		"/users?q=acme.test":      "[ada:6]",
		"/users?sort=errors":      "[cyd:3 ada:6 bob:3 idle:0]",
		"/users?company_id=calm":  "[idle:0]",
		"/users?sort=p95_ms&q=no": "[]",
	} {
		if got, _ := ids(path, "users", "user_id"); fmt.Sprint(got) != want {
			t.Errorf("%s: got %v, want %s", path, got, want)
		}
	}
	first, next := ids("/users?limit=3", "users", "user_id")
	second, end := ids("/users?limit=3&cursor="+next, "users", "user_id")
	if len(first) != 3 || fmt.Sprint(second) != "[idle:0]" || end != "" {
		t.Errorf("pages %v and %v", first, second)
	}
	// Their names are there, whether all had to be read for the page or not.
	for _, query := range []string{"", "?sort=name", "?q=a"} {
		var shown struct {
			Companies []struct{ Name, Domain string }
			Users     []struct{ Name, Email string }
		}
		s.ask("/companies"+query, &shown)
		s.ask("/users"+query, &shown)
		if got := fmt.Sprintf("%+v", shown); !strings.Contains(got, "{Name:Acme Domain:acme.test}") || !strings.Contains(got, "{Name:Ada Email:ada@acme.test}") {
			t.Errorf("%q: got %s", query, got)
		}
	}
	var c struct {
		Name, Domain string
		FirstSeen    *time.Time `json:"first_seen"`
		Users        int
		Metadata     map[string]any
	}
	s.ask("/companies/acme", &c)
	if c.Name != "Acme" || c.Domain != "acme.test" || c.Users != 2 || c.FirstSeen == nil || c.Metadata["name"] != "Acme" {
		t.Errorf("got %+v", c)
	}
}

func TestQuestionsThatCanNotBeAnsweredSayWhy(t *testing.T) {
	s := start(t, t.TempDir())
	for path, want := range map[string]int{
		"/events?app=none":                    404,
		"/events?from=yesterday":              422,
		"/events?from=now&to=-1h":             422,
		"/events?limit=1001":                  422,
		"/events?cursor=x":                    422,
		"/events?status=9xxx":                 422,
		"/events?status=abc":                  422,
		"/usage/top?by=planet":                422,
		"/usage/series?interval=1y":           422,
		"/usage/series?from=-30d&interval=1s": 422,
		"/companies?sort=size":                422,
		"/companies?cursor=x":                 422,
		"/companies/none":                     404,
		"/users/none":                         404,
		"/nothing":                            404,
	} {
		a := s.do(http.MethodGet, "/api/v1"+path, "", "Authorization", "Bearer "+adminToken)
		var p struct{ Detail string }
		if err := json.Unmarshal(a.body, &p); a.status != want || err != nil || p.Detail == "" || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: got %d %s, want %d", path, a.status, a.body, want)
		}
	}
}
