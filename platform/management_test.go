package platform_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

// script does what scripts do with Moesif's Management API, and expects this status.
func (s *server) script(status int, method, path, body string) (out any) {
	s.t.Helper()
	a := s.do(method, path, body, "Authorization", "Bearer "+adminToken, "Content-Type", "application/json")
	if a.status != status {
		s.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.body, status)
	}
	if len(a.body) == 0 {
		return nil
	}
	if err := json.Unmarshal(a.body, &out); err != nil {
		s.t.Fatalf("%s %s: %v in %s", method, path, err, a.body)
	}
	return out
}

// at walks into an answer: names of members, and indexes.
func at(t *testing.T, v any, way ...any) any {
	t.Helper()
	for _, step := range way {
		switch step := step.(type) {
		case string:
			o, ok := v.(map[string]any)
			if !ok {
				t.Fatalf("%v: no object at %v: %v", way, step, v)
			}
			v = o[step]
		case int:
			l, ok := v.([]any)
			if !ok || step >= len(l) {
				t.Fatalf("%v: no element %d in %v", way, step, v)
			}
			v = l[step]
		}
	}
	return v
}

func TestScriptsManageGovernanceRulesInMoesifsDocuments(t *testing.T) {
	s := start(t, t.TempDir())
	const rules = "/v1/~/governance/rules"
	if list := s.script(200, "GET", rules, ""); !reflect.DeepEqual(list, []any{}) {
		t.Fatalf("without rules there are %v", list)
	}
	document := `{"name":"Free plan","state":2,"block":true,"type":"company","priority":7,"model":"behavior","cohorts":[],"plans":[],
		"variables":[{"name":"0","path":"body.plan"}],"applied_to":"matching","applied_to_unidentified":false,
		"regex_config":[{"conditions":[{"path":"request.route","value":"^/search"}]}],
		"response":{"status":429,"headers":{"X-Plan":"{{0}}"},"body":{"error":"{{0}} is used up"},"original_encoded_body":"eyJlcnJvciI6Int7MH19In0="},
		"customers":[{"id":"acme","values":{"0":"free"}}]}`
	made := s.script(201, "POST", rules+"?app_id=~", document)
	id, _ := at(t, made, "_id").(string)
	if len(id) != 24 || at(t, made, "org_id") != "1:1" || at(t, made, "app_id") != "1:1" {
		t.Fatalf("made %v", made)
	}
	// Gateways and SDKs hear of it.
	served := s.fetch("/v1/rules", nil)
	if !strings.Contains(string(served.body), id) {
		t.Errorf("the collector serves %s", served.body)
	}
	if config := s.fetch("/v1/config", nil); !strings.Contains(string(config.body), `"acme":[{"rules":"`+id) {
		t.Errorf("the collector serves %s", config.body)
	}
	// What was read can be sent back, by the id of an organisation of Moesif's too.
	read := s.script(200, "GET", "/v1/421:67/governance/rules/"+id, "")
	for _, name := range []string{"name", "state", "block", "type", "priority", "model", "variables", "regex_config", "response", "customers", "applied_to"} {
		var want any
		if err := json.Unmarshal([]byte(document), &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(at(t, read, name), at(t, want, name)) {
			t.Errorf("%s: reads %v, wrote %v", name, at(t, read, name), at(t, want, name))
		}
	}
	again, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	if same := s.script(201, "POST", rules+"/"+id, string(again)); !reflect.DeepEqual(same, read) {
		t.Errorf("sent back it is\n%v\nwas\n%v", same, read)
	}
	// A part changes that part only, and what is off is not served.
	changed := s.script(201, "POST", rules+"/"+id, `{"state":0,"name":"Off"}`)
	if at(t, changed, "state") != 0.0 || at(t, changed, "customers", 0, "id") != "acme" || at(t, changed, "priority") != 7.0 {
		t.Errorf("changed to %v", changed)
	}
	if served := s.fetch("/v1/rules", nil); string(served.body) != "[]" {
		t.Errorf("a rule that is off is served: %s", served.body)
	}
	if list := s.script(200, "GET", rules, ""); at(t, list, 0, "_id") != id || at(t, list, 0, "name") != "Off" {
		t.Errorf("the list is %v", list)
	}
	s.script(204, "DELETE", rules+"/"+id, "")
	s.script(404, "GET", rules+"/"+id, "")
	s.script(404, "DELETE", rules+"/"+id, "")

	for body, want := range map[string]string{
		`[]`:                        "body: must be a JSON object",
		`{"name":"x","block":true}`: "state: is missing",
		`{"name":"x","block":true,"state":2,"type":"user","aplied_to":"matching"}`:            `unknown field \"aplied_to\"`,
		`{"name":"x","block":true,"state":3,"type":"user"}`:                                   "state: must be 0, 1 or 2",
		`{"name":"x","block":true,"state":2,"type":"user","cohorts":[{"id":"c"}]}`:            "cohort: there is none with this id",
		`{"name":"x","block":true,"state":2,"type":"user","plans":[{}]}`:                      "plans:",
		`{"name":"","block":true,"state":2,"type":"user"}`:                                    "name: must not be empty",
		`{"name":"x","block":true,"state":2,"type":"user","response":{"status":7}}`:           "response.status: must be between 200 and 999",
		`{"name":"x","block":true,"state":2,"type":"regex","customers":[{"id":"x"}]}`:         "customers: must be empty",
		`{"name":"x","block":true,"state":2,"type":"user","regex_config":[{"conditions":1}]}`: "regex_config",
	} {
		a := s.do("POST", rules, body, "Authorization", "Bearer "+adminToken)
		if a.status != 400 || !strings.Contains(string(a.body), want) {
			t.Errorf("%s: %d %s, want %s", body, a.status, a.body, want)
		}
	}
}

func TestScriptsManageCohortsAndTheRulesThatNameThem(t *testing.T) {
	s := start(t, t.TempDir())
	const cohorts = "/v1/~/cohorts"
	s.script(201, "POST", "/v1/search/~/companies/batch", `[{"company_id":"acme","metadata":{"plan":"free"}},{"company_id":"rich","metadata":{"plan":"gold"}}]`)
	document := `{"cohort_name":"Free","cohort_type":"company","criteria":{"match":"all","conditions":[{"attribute":{"field":"metadata.plan","op":"is","values":["free"]}}]},"priority":3,"time_zone":"Europe/Berlin"}`
	made := s.script(201, "POST", cohorts, document)
	id, _ := at(t, made, "_id").(string)
	if at(t, made, "members") != 1.0 || at(t, made, "priority") != 3.0 || id == "" {
		t.Fatalf("made %v", made)
	}
	read := s.script(200, "GET", cohorts+"/"+id, "")
	if !reflect.DeepEqual(read, made) || !reflect.DeepEqual(s.script(200, "GET", cohorts, ""), []any{made}) {
		t.Errorf("reads %v, made %v", read, made)
	}
	again, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	s.script(201, "POST", cohorts+"/"+id, string(again))
	if renamed := s.script(201, "POST", cohorts+"/"+id, `{"cohort_name":"Freemium"}`); at(t, renamed, "cohort_name") != "Freemium" || at(t, renamed, "time_zone") != "Europe/Berlin" {
		t.Errorf("renamed to %v", renamed)
	}
	rule := s.script(201, "POST", "/v1/~/governance/rules", `{"name":"x","state":2,"block":true,"type":"company","cohorts":[{"id":"`+id+`","type":"company"}]}`)
	if at(t, rule, "cohorts", 0, "id") != id {
		t.Errorf("a rule of a cohort is %v", rule)
	}
	eventually(t, "the cohort's members served", func() bool {
		return strings.Contains(string(s.fetch("/v1/config", nil).body), `"acme":[{"rules":"`)
	})
	s.script(409, "DELETE", cohorts+"/"+id, "")
	ruleID, _ := at(t, rule, "_id").(string)
	s.script(201, "POST", "/v1/~/governance/rules/"+ruleID, `{"cohorts":[]}`)
	s.script(204, "DELETE", cohorts+"/"+id, "")
	s.script(404, "GET", cohorts+"/"+id, "")
	for body, want := range map[string]string{
		`{"cohort_name":"","cohort_type":"user","criteria":{"match":"all","conditions":[]}}`:                   "name: must not be empty",
		`{"cohort_name":"x","cohort_type":"user","criteria":{"query":{}}}`:                                     "criteria: must be like",
		`{"cohort_name":"x","cohort_type":"user"}`:                                                             "criteria: must be like",
		`{"cohort_name":"x","cohort_type":"user","criteria":{"match":"all","conditions":[]},"channels":[{}]}`:  "channels:",
		`{"cohort_name":"x","cohort_type":"user","criteria":{},"notification_rule":{"send_on_addition":true}}`: "notification_rule:",
		`{"cohort_name":"x","cohort_type":"user","criteria":{},"cohort_tipe":"user"}`:                          `unknown field`,
	} {
		if a := s.do("POST", cohorts, body, "Authorization", "Bearer "+adminToken); a.status != 400 || !strings.Contains(string(a.body), want) {
			t.Errorf("%s: %d %s, want %s", body, a.status, a.body, want)
		}
	}
}

func TestScriptsManageProfiles(t *testing.T) {
	s := start(t, t.TempDir())
	made := s.script(201, "POST", "/v1/search/~/users", `{"user_id":"ada","company_id":"acme","metadata":{"email":"ada@acme.example","plan":{"name":"gold"}},"campaign":{"utm_source":"x"}}`)
	if at(t, made, "_id") != "ada" || at(t, made, "_source", "email") != "ada@acme.example" || at(t, made, "_source", "body", "plan", "name") != "gold" {
		t.Errorf("made %v", made)
	}
	s.script(201, "POST", "/v1/search/~/users/batch", `[{"user_id":"ada","metadata":{"plan":{"seats":3}}},{"user_id":"b/c?d"}]`)
	read := s.script(200, "GET", "/v1/search/177:3/users/ada", "")
	if !reflect.DeepEqual(at(t, read, "_source", "metadata", "plan"), map[string]any{"name": "gold", "seats": 3.0}) || at(t, read, "_source", "campaign", "utm_source") != "x" {
		t.Errorf("reads %v", read)
	}
	if read := s.script(200, "GET", "/v1/search/~/users/"+url.PathEscape("b/c?d"), ""); at(t, read, "_id") != "b/c?d" {
		t.Errorf("reads %v", read)
	}
	if n := s.script(201, "POST", "/v1/search/~/count/users", `{"query":{"match_all":{}}}`); at(t, n, "count") != 2.0 {
		t.Errorf("counts %v", n)
	}
	s.script(201, "POST", "/v1/search/~/companies", `{"company_id":"acme","company_domain":"acme.example"}`)
	if read := s.script(200, "GET", "/v1/search/~/companies/acme", ""); at(t, read, "_source", "company_domain") != "acme.example" {
		t.Errorf("reads %v", read)
	}
	s.script(201, "POST", "/v1/search/~/subscriptions", `{"subscription_id":"s1","company_id":"acme","status":"active","items":[{"plan_id":"p","price_id":"q"}]}`)
	s.script(201, "POST", "/v1/search/~/subscriptions/batch", `[{"subscription_id":"s2","company_id":"acme","status":"trialing"}]`)
	list := s.script(200, "GET", "/v1/search/~/companies/acme/subscriptions", "")
	if at(t, list, 0, "subscription_id") != "s1" || at(t, list, 0, "items", 0, "plan_id") != "p" || at(t, list, 1, "status") != "trialing" {
		t.Errorf("subscriptions are %v", list)
	}
	s.script(204, "DELETE", "/v1/search/~/subscriptions/s2", "")
	s.script(404, "GET", "/v1/search/~/subscriptions/s2", "")
	s.script(400, "DELETE", "/v1/search/~/users/ada?delete_events=true", "")
	s.script(204, "DELETE", "/v1/search/~/users/ada", "")
	s.script(404, "GET", "/v1/search/~/users/ada", "")
	s.script(400, "POST", "/v1/search/~/users", `{"company_id":"acme"}`)
	s.script(400, "POST", "/v1/search/~/users/batch", `{}`)
}

func TestScriptsSearchEvents(t *testing.T) {
	s := start(t, t.TempDir())
	const n = 25
	var batch []string
	for i := range n {
		at := ago(time.Duration(i)*time.Second+time.Second, goTime)
		batch = append(batch, fmt.Sprintf(`{"transaction_id":"e-%02d","request":{"time":%q,"uri":"https://api.test/orders/%d?q=1","verb":"GET","headers":{"x-plan":"gold"},"body":{"n":%d}},`+
			`"response":{"time":%q,"status":%d,"headers":{}},"user_id":"u%d","company_id":"acme","weight":2,"metadata":{"region":"r%d"}}`, i, at, i, i, at, 200+200*(i%2), i%3, i%2))
	}
	s.collect("/v1/events/batch", "["+strings.Join(batch, ",")+"]")
	const search = "/v1/search/~/search/events?from=-1d&to=now"
	eventually(t, "all events found", func() bool {
		return at(t, s.script(201, "POST", "/v1/search/~/count/events?from=-1d&to=now", `{}`), "count") == float64(n)
	})

	// Page after page, as scripts do.
	seen := map[any]bool{}
	after := ""
	for {
		page := s.script(201, "POST", search, `{"size":7,"sort":[{"request.time":"desc"}],"query":{"bool":{"must":[{"match_all":{}}]}}`+after+`}`)
		hits, _ := at(t, page, "hits", "hits").([]any)
		for _, h := range hits {
			seen[at(t, h, "_id")] = true
		}
		if len(hits) == 0 {
			break
		}
		text, err := json.Marshal(at(t, hits[len(hits)-1], "sort"))
		if err != nil {
			t.Fatal(err)
		}
		after = `,"search_after":` + string(text)
	}
	if len(seen) != n {
		t.Errorf("pages have %d events, want %d", len(seen), n)
	}

	found := s.script(201, "POST", search, `{"size":1,"query":{"bool":{
		"filter":[{"term":{"company_id.raw":"acme"}},{"terms":{"request.verb":["GET","POST"]}},{"range":{"response.status":{"gte":400,"lt":500}}},{"exists":{"field":"metadata.region"}}],
		"must_not":{"term":{"user_id.raw":"u0"}},
		"should":[{"match":{"request.uri":"ORDERS"}}],"minimum_should_match":1}},
		"post_filter":{"bool":{"should":{"term":{"request.headers.x-plan":"gold"}}}},
		"aggs":{"users":{"terms":{"field":"user_id.raw","size":1,"order":{"weight|sum":"desc"}},
			"aggs":{"weight|sum":{"sum":{"field":"weight","missing":1}},"days":{"date_histogram":{"field":"request.time","interval":"1d"},"aggs":{"p":{"percentiles":{"field":"duration_ms","percents":[50,95]}}}}}},
			"n":{"cardinality":{"field":"user_id.raw"}}}}`)
	if at(t, found, "hits", "total") != 8.0 || at(t, found, "aggregations", "n", "value") != 2.0 {
		t.Errorf("found %v", found)
	}
	hit := at(t, found, "hits", "hits", 0, "_source")
	if at(t, hit, "duration_ms") != 0.0 || at(t, hit, "request", "route") == "" || at(t, hit, "request", "body", "n") == nil || at(t, hit, "metadata", "region") != "r1" {
		t.Errorf("a hit is %v", hit)
	}
	users := at(t, found, "aggregations", "users")
	if at(t, users, "buckets", 0, "doc_count") != 4.0 || at(t, users, "buckets", 0, "weight|sum", "value") != 8.0 || at(t, users, "sum_other_doc_count") != 4.0 {
		t.Errorf("users are %v", users)
	}
	if p := at(t, users, "buckets", 0, "days", "buckets", 0, "p", "values", "95.0"); p != 0.0 {
		t.Errorf("percentiles are %v", p)
	}

	one := s.script(200, "GET", "/v1/search/~/events/e-03?event_time="+url.QueryEscape(ago(4*time.Second, "2006-01-02T15:04:05.000Z")), "")
	if at(t, one, "_id") != "e-03" || at(t, one, "_source", "user_id") != "u0" {
		t.Errorf("one event is %v", one)
	}
	s.script(404, "GET", "/v1/search/~/events/e-99", "")
	s.script(404, "GET", "/v1/search/~/events/e-03?event_time=2001-01-01", "")
	if apps := s.script(200, "GET", "/v1/~/apps", ""); at(t, apps, 0, "app_id") != "1:1" || strings.Contains(fmt.Sprint(apps), s.appID) {
		t.Errorf("applications are %v", apps)
	}
}

func TestTheManagementAPIIsClosedToStrangers(t *testing.T) {
	s := start(t, t.TempDir())
	for _, path := range []string{"/v1/~/governance/rules", "/v1/~/apps", "/v1/search/~/users/x", "/v1/~/nothing", "/v1/421:67/cohorts"} {
		for name, headers := range map[string][]string{
			"nobody":              nil,
			"a wrong token":       {"Authorization", "Bearer wrong-wrong-wrong-wrong"},
			"an application id":   {"X-Moesif-Application-Id", s.appID},
			"it as a bearer":      {"Authorization", "Bearer " + s.appID},
			"a name and a secret": {"Authorization", "Basic YWRhOnNlY3JldA=="},
		} {
			if a := s.do("GET", path, "", headers...); a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s for %s: %d %s", path, name, a.status, a.body)
			}
		}
	}
	for path, status := range map[string]int{"/v1/~/nothing": 404, "/v1/Robert/cohorts": 404, "/v1/~/governance/rules?app_id=46:73": 404, "/v1/~/governance/rules?app_id=1:1": 200} {
		s.script(status, "GET", path, "")
	}
	s.script(405, "PATCH", "/v1/~/governance/rules", "")
	// The collector's own paths stay the collector's.
	if a := s.do("GET", "/v1/nothing", ""); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
	// A minute of the clock has 500 queries for a token.
	refused := 0
	for range 1100 { // at most two minutes see them
		if a := s.do("GET", "/v1/~/apps", "", "Authorization", "Bearer "+adminToken); a.status == http.StatusTooManyRequests {
			refused++
			if a.header.Get("Retry-After") == "" {
				t.Fatal("a refusal does not say when to come again")
			}
		}
	}
	if refused == 0 {
		t.Error("there is no end of queries")
	}
}

// An API token does what its scopes say, until it ends; what it changes is told.
func TestScriptsDoWhatTheScopesOfTheirTokenSay(t *testing.T) {
	s := start(t, t.TempDir())
	token := func(life time.Duration, scopes string) string {
		a := s.do("POST", "/api/v1/tokens", fmt.Sprintf(`{"name":"nightly","scopes":[%s],"expires_at":%q}`, scopes, time.Now().Add(life).UTC().Format(time.RFC3339Nano)),
			"Authorization", "Bearer "+adminToken, "Content-Type", "application/json")
		var made struct{ Secret string }
		if err := json.Unmarshal(a.body, &made); err != nil || made.Secret == "" {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return made.Secret
	}
	const rule = `{"name":"by a script","state":1,"block":true,"type":"user"}`
	for scopes, want := range map[string]map[string]int{
		`"rules:read"`:                      {"GET /v1/~/governance/rules": 200, "POST /v1/~/governance/rules": 403, "POST /v1/search/~/search/events": 403, "GET /v1/search/~/users/x": 403, "GET /v1/~/apps": 403},
		`"rules:write","apps:read"`:         {"GET /v1/~/governance/rules": 403, "POST /v1/~/governance/rules": 201, "GET /v1/~/apps": 200, "POST /v1/~/cohorts": 403},
		`"events:read","customers:read"`:    {"POST /v1/search/~/search/events": 201, "GET /v1/search/~/users/x": 404, "DELETE /v1/search/~/users/x": 403, "POST /v1/search/~/users": 403, "GET /v1/~/cohorts": 200},
		`"customers:write","cohorts:write"`: {"DELETE /v1/search/~/users/x": 404, "POST /v1/~/cohorts": 400, "POST /v1/~/governance/rules": 403},
	} {
		bearer := "Bearer " + token(time.Hour, scopes)
		for operation, status := range want {
			method, path, _ := strings.Cut(operation, " ")
			body := "{}"
			if strings.HasSuffix(path, "rules") {
				body = rule
			}
			if a := s.do(method, path, body, "Authorization", bearer); a.status != status {
				t.Errorf("%s with %s: %d %s, want %d", operation, scopes, a.status, a.body, status)
			}
		}
	}
	if list := s.script(200, "GET", "/v1/~/governance/rules", ""); at(t, list, 0, "state") != 1.0 {
		t.Errorf("a rule in shadow is %v", list)
	}
	for _, path := range []string{"/api/v1/audit", "/api/v1/rules/history"} {
		a := s.do("GET", path, "", "Authorization", "Bearer "+adminToken)
		if a.status != 200 || !strings.Contains(string(a.body), "nightly") {
			t.Errorf("%s does not tell who made a rule: %s", path, a.body)
		}
	}
	ending := "Bearer " + token(2*time.Second, `"rules:read"`)
	if a := s.do("GET", "/v1/~/governance/rules", "", "Authorization", ending); a.status != 200 {
		t.Errorf("before its end a token gets %d %s", a.status, a.body)
	}
	for _, path := range []string{"/v1/~/governance/rules", "/api/v1/rules"} {
		eventually(t, "the token to end", func() bool {
			return s.do("GET", path, "", "Authorization", ending).status == http.StatusUnauthorized
		})
	}
}
