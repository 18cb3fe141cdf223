package platform_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/state"
)

// two is a platform with two applications, both filled.
type two struct {
	*server
	apps [2]struct{ id, applicationID, rule string }
}

// secretOf is in everything of an application that is not asked about.
const secretOf = "classified"

func startTwo(t *testing.T) *two {
	t.Helper()
	dir := t.TempDir()
	first := start(t, dir)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	db, err := state.Open(t.Context(), filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Repeat("another-application-", 4)
	err = db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(context.Background(), "INSERT INTO applications (id, name, application_id, created_at) VALUES ('app_other', 'Other', ?, 1)", other)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := &two{server: start(t, dir)}
	list, err := s.p.Applications(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	for i, app := range list {
		word := []string{"public", secretOf}[i]
		s.apps[i].id, s.apps[i].applicationID = app.ID, app.ApplicationID
		s.appID = app.ApplicationID
		at := ago(time.Minute, goTime)
		s.collect("/v1/events", fmt.Sprintf(`{"transaction_id":"t-%[1]s","request":{"time":%[2]q,"uri":"https://api.test/%[1]s","verb":"GET","headers":{"h":%[1]q},"body":{"b":%[1]q}},`+
			`"response":{"time":%[2]q,"status":200,"headers":{}},"user_id":"u-%[1]s","company_id":"c-%[1]s","metadata":{"m":%[1]q}}`, word, at))
		s.collect("/v1/users", fmt.Sprintf(`{"user_id":"u-%[1]s","company_id":"c-%[1]s","metadata":{"name":%[1]q}}`, word))
		s.collect("/v1/companies", fmt.Sprintf(`{"company_id":"c-%[1]s","metadata":{"name":%[1]q}}`, word))
		s.collect("/v1/subscriptions", fmt.Sprintf(`{"subscription_id":"s-%[1]s","company_id":"c-%[1]s","status":"active"}`, word))
		s.apps[i].rule = s.edit(201, "POST", "/rules?app="+app.ID, fmt.Sprintf(`{"name":%[1]q,"type":"user","enabled":true,"block":true,"customers":[{"id":"u-%[1]s"}]}`, word))
		eventually(t, "the events of both", func() bool {
			return at != "" && strings.Contains(string(s.do("GET", "/api/v1/events?app="+app.ID, "", "Authorization", "Bearer "+adminToken).body), "t-"+word)
		})
	}
	s.appID = s.apps[0].applicationID
	return s
}

// operation is one of the OpenAPI document.
type operation struct {
	method, path string
	public       bool
	parameters   []parameter
	body         *schema
}

type parameter struct {
	Name   string  `json:"name"`
	In     string  `json:"in"`
	Schema *schema `json:"schema"`
}

type schema struct {
	Ref        string             `json:"$ref"`
	Type       any                `json:"type"`
	Enum       []any              `json:"enum"`
	Example    any                `json:"example"`
	Examples   []any              `json:"examples"`
	Minimum    *float64           `json:"minimum"`
	Properties map[string]*schema `json:"properties"`
	Items      *schema            `json:"items"`
	Additional any                `json:"additionalProperties"`
	OneOf      []*schema          `json:"oneOf"`
	AnyOf      []*schema          `json:"anyOf"`
	ReadOnly   bool               `json:"readOnly"`
}

// document is the console's API as it says itself.
type document struct {
	operations []operation
	schemas    map[string]*schema
}

func (s *server) document() document {
	s.t.Helper()
	var d struct {
		Paths map[string]map[string]struct {
			Parameters  []parameter
			Security    []map[string][]string
			RequestBody *struct {
				Content map[string]struct{ Schema *schema }
			}
		}
		Components struct{ Schemas map[string]*schema }
	}
	a := s.do("GET", "/api/openapi.json", "", "Authorization", "Bearer "+adminToken)
	if err := json.Unmarshal(a.body, &d); err != nil {
		s.t.Fatal(err)
	}
	out := document{schemas: d.Components.Schemas}
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
			o := d.Paths[path][method]
			op := operation{method: strings.ToUpper(method), path: path, parameters: o.Parameters}
			op.public = len(o.Security) == 1 && len(o.Security[0]) == 0
			if o.RequestBody != nil {
				op.body = o.RequestBody.Content["application/json"].Schema
			}
			out.operations = append(out.operations, op)
		}
	}
	if len(out.operations) < 15 {
		s.t.Fatalf("the document has %d operations only", len(out.operations))
	}
	return out
}

// filler makes a value of a schema, with evil in the place of its text number n.
type filler struct {
	document
	n    int
	evil string
}

func (f *filler) text(good string) string {
	f.n--
	if f.n == -1 {
		return f.evil
	}
	return good
}

func (f *filler) fill(s *schema, depth int) any {
	if s == nil || depth > 8 {
		return f.text("x")
	}
	if s.Ref != "" {
		return f.fill(f.schemas[s.Ref[strings.LastIndex(s.Ref, "/")+1:]], depth+1)
	}
	if more := slices.Concat(s.OneOf, s.AnyOf); len(more) > 0 {
		return f.fill(more[0], depth+1)
	}
	kind, _ := s.Type.(string)
	if kinds, ok := s.Type.([]any); ok && len(kinds) > 0 {
		kind, _ = kinds[0].(string)
	}
	switch kind {
	case "object":
		o := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if !s.Properties[name].ReadOnly {
				o[name] = f.fill(s.Properties[name], depth+1)
			}
		}
		if inner, ok := s.Additional.(map[string]any); ok {
			var of *schema
			if text, err := json.Marshal(inner); err == nil && json.Unmarshal(text, &of) == nil {
				o[f.text("key")] = f.fill(of, depth+1)
			}
		}
		return o
	case "array":
		return []any{f.fill(s.Items, depth+1)}
	case "integer", "number":
		if s.Minimum != nil {
			return *s.Minimum
		}
		return 1
	case "boolean":
		return false
	}
	good := "x"
	for _, list := range [][]any{s.Enum, s.Examples, {s.Example}} {
		if len(list) > 0 {
			if text, ok := list[0].(string); ok {
				good = text
				break
			}
		}
	}
	return f.text(good)
}

// evils are texts that break out of SQL, JSON, HTML, headers and patterns where
// somebody forgot to bind or to quote them.
var evils = []string{
	`'; DROP TABLE events; --`,
	`" OR 1=1 UNION SELECT application_id FROM applications; --`,
	"\x00a\x00",
	"\u202e\U0001F4A3%_\\\r\nSet-Cookie: a=b{{where}}?",
	strings.Repeat("Ω", 20_000),
}

// attack sends one request of the walk and looks at the answer.
func (s *two) attack(t *testing.T, op operation, path string, query url.Values, body any) {
	t.Helper()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	if encoded := query.Encode(); encoded != "" {
		path += "?" + encoded
	}
	if len(path) > 60_000 {
		path = path[:60_000] // more is refused by the server itself
	}
	a := s.do(op.method, path, string(text), "Authorization", "Bearer "+adminToken, "Content-Type", "application/json")
	what := fmt.Sprintf("%s %.200s %.200s", op.method, path, text)
	if a.status >= 500 {
		t.Errorf("%s: %d %s", what, a.status, a.body)
	}
	if a.status >= 400 && a.status != http.StatusRequestHeaderFieldsTooLarge && !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
		t.Errorf("%s: %d without a problem document: %s", what, a.status, a.body)
	}
	if query.Get("app") == s.apps[0].id && bytes.Contains(a.body, []byte(secretOf)) {
		t.Errorf("%s tells of another application: %s", what, a.body)
	}
	if a.header.Get("Set-Cookie") != "" && strings.Contains(a.header.Get("Set-Cookie"), "a=b") {
		t.Errorf("%s: a header was broken into", what)
	}
	// What was made is taken away again, so that the walk stays short.
	if op.method == http.MethodPost && a.status == http.StatusCreated {
		var made struct{ ID string }
		if json.Unmarshal(a.body, &made) == nil && made.ID != "" {
			clean, _, _ := strings.Cut(path, "?")
			s.do(http.MethodDelete, clean+"/"+url.PathEscape(made.ID)+"?app="+s.apps[0].id, "", "Authorization", "Bearer "+adminToken)
		}
	}
}

// parts returns where an operation is asked with the parameters' usual values: its
// path and its query, about the first application.
func (s *two) parts(op operation, instead map[string]string) (string, url.Values) {
	path, query := op.path, url.Values{}
	for _, p := range op.parameters {
		value, changed := instead[p.Name]
		switch p.In {
		case "path":
			if !changed {
				value = "x"
			}
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(value))
		case "query":
			if p.Name == "app" && !changed {
				value, changed = s.apps[0].id, true
			}
			if changed {
				query.Set(p.Name, value)
			}
		}
	}
	return path, query
}

func TestNoTextOfAnyFieldBreaksOut(t *testing.T) {
	s := startTwo(t)
	d := s.document()
	asked := 0
	for _, op := range d.operations {
		for _, evil := range evils {
			for _, p := range op.parameters {
				if p.In == "header" || p.In == "cookie" || p.In == "path" && evil == evils[len(evils)-1] {
					continue
				}
				path, query := s.parts(op, map[string]string{p.Name: evil})
				f := &filler{document: d, n: -1}
				var body any
				if op.body != nil {
					body = f.fill(op.body, 0)
				}
				s.attack(t, op, path, query, body)
				asked++
			}
			if op.body == nil {
				continue
			}
			count := &filler{document: d, n: 1 << 30}
			count.fill(op.body, 0)
			for n := range 1<<30 - count.n {
				f := &filler{document: d, n: n, evil: evil}
				path, query := s.parts(op, nil)
				s.attack(t, op, path, query, f.fill(op.body, 0))
				asked++
			}
		}
	}
	t.Logf("%d requests to %d operations", asked, len(d.operations))
	s.stillThere(t)
}

// stillThere wants both applications as they were filled.
func (s *two) stillThere(t *testing.T) {
	t.Helper()
	for i, word := range []string{"public", secretOf} {
		app := s.apps[i].id
		for _, path := range []string{"/events?app=" + app, "/users/u-" + word + "?app=" + app, "/companies/c-" + word + "?app=" + app, "/rules/" + s.apps[i].rule + "?app=" + app} {
			if a := s.do("GET", "/api/v1"+path, "", "Authorization", "Bearer "+adminToken); a.status != 200 || !bytes.Contains(a.body, []byte(word)) {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
		}
	}
}

func TestNoTextOfAScriptBreaksOut(t *testing.T) {
	s := startTwo(t)
	app := "?app_id=" + s.apps[0].id
	quote := func(v string) string { text, _ := json.Marshal(v); return string(text) }
	for _, evil := range evils {
		e, p := quote(evil), url.PathEscape(evil)
		if len(p) > 3000 {
			p = p[:3000]
		}
		for _, r := range [][3]string{
			{"POST", "/v1/search/~/search/events" + app, `{"query":{"term":{"user_id":` + e + `}}}`},
			{"POST", "/v1/search/~/search/events" + app, `{"query":{"bool":{"must_not":{"match":{"request.uri":` + e + `}}}}}`},
			{"POST", "/v1/search/~/search/events" + app, `{"query":{"term":{` + quote("metadata."+evil) + `:` + e + `}}}`},
			{"POST", "/v1/search/~/search/events" + app, `{"query":{"term":{` + quote("request.body."+evil) + `:` + e + `}},"sort":{` + quote("response.body."+evil) + `:"asc"}}`},
			{"POST", "/v1/search/~/search/events" + app, `{"query":{"term":{` + e + `:"x"}}}`},
			{"POST", "/v1/search/~/search/events" + app, `{"query":{` + e + `:{}}}`},
			{"POST", "/v1/search/~/search/events" + app, `{"query":{"prefix":{"request.path":` + e + `}},"search_after":[1,` + e + `],"sort":[{"weight":"desc"}]}`},
			{"POST", "/v1/search/~/search/events" + app, `{"aggs":{` + e + `:{"terms":{"field":` + quote("request.headers."+evil) + `},"aggs":{` + e + `:{"cardinality":{"field":"user_id"}}}}}}`},
			{"POST", "/v1/search/~/search/events" + app, `{"aggs":{"x":{"terms":{"field":"user_id","order":{` + e + `:"asc"}}}}}`},
			{"POST", "/v1/search/~/search/events" + app, `{"aggs":{"x":{"date_histogram":{"field":"request.time","interval":` + e + `,"time_zone":` + e + `}}}}`},
			{"POST", "/v1/search/~/search/events" + app + "&time_zone=" + p, `{}`},
			{"POST", "/v1/search/~/search/events" + app + "&from=" + p, `{}`},
			{"POST", "/v1/search/~/count/events?app_id=" + p, `{}`},
			{"GET", "/v1/search/~/events/" + p + app, ""},
			{"GET", "/v1/search/~/events/x" + app + "&event_time=" + p, ""},
			{"GET", "/v1/search/~/users/" + p + app, ""},
			{"DELETE", "/v1/search/~/users/" + p + app, ""},
			{"DELETE", "/v1/search/~/users/x" + app + "&delete_events=" + p, ""},
			{"GET", "/v1/search/~/companies/" + p + "/subscriptions" + app, ""},
			{"POST", "/v1/search/~/users" + app, `{"user_id":` + e + `,"company_id":` + e + `,"metadata":{` + e + `:` + e + `}}`},
			{"POST", "/v1/search/~/companies" + app, `{"company_id":` + e + `,"company_domain":` + e + `}`},
			{"POST", "/v1/search/~/subscriptions" + app, `{"subscription_id":` + e + `,"company_id":` + e + `,"status":` + e + `}`},
			{"GET", "/v1/~/governance/rules/" + p + app, ""},
			{"DELETE", "/v1/~/governance/rules/" + p + app, ""},
			{"POST", "/v1/~/governance/rules" + app, `{"name":` + e + `,"state":0,"block":true,"type":"user","model":` + e + `,"customers":[{"id":` + e + `}],"response":{"headers":{` + e + `:` + e + `},"body":` + e + `}}`},
			{"GET", "/v1/" + p + "/governance/rules", ""},
			{"GET", "/v1/~/cohorts/" + p + app, ""},
			{"POST", "/v1/~/cohorts" + app, `{"cohort_name":` + e + `,"cohort_type":"user","url_query":` + e + `,"criteria":{"match":"all","conditions":[{"attribute":{"field":` + quote("metadata."+evil) + `,"op":"is","values":[` + e + `]}}]}}`},
			{"POST", "/v1/~/cohorts" + app, `{"cohort_name":"x","cohort_type":"user","criteria":{"match":"all","conditions":[{"usage":{"measure":"calls","op":"at_least","value":1,"routes":[` + e + `],"verbs":[` + e + `]}}]}}`},
		} {
			s.attack(t, operation{method: r[0]}, r[1], nil, json.RawMessage(orNull(r[2])))
		}
	}
	s.stillThere(t)
}

func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return s
}

// Whatever one application's id is asked for with the ids of another's, it is not there.
func TestNothingLeaksBetweenTwoApplications(t *testing.T) {
	s := startTwo(t)
	a, b := s.apps[0], s.apps[1]
	admin := []string{"Authorization", "Bearer " + adminToken, "Content-Type", "application/json"}
	// Every operation, with the other's ids in every parameter.
	d := s.document()
	for _, op := range d.operations {
		for _, p := range op.parameters {
			if p.Name == "app" {
				continue
			}
			for _, id := range []string{"t-" + secretOf, "u-" + secretOf, "c-" + secretOf, b.rule, "/" + secretOf} {
				path, query := s.parts(op, map[string]string{p.Name: id})
				var body any
				if op.body != nil {
					body = (&filler{document: d, n: -1}).fill(op.body, 0)
				}
				text, err := json.Marshal(body)
				if err != nil {
					t.Fatal(err)
				}
				got := s.do(op.method, path+"?"+query.Encode(), string(text), admin...)
				// What was asked for may be repeated by who says that it is not there. A
				// list about what is not there is empty.
				answer := bytes.ReplaceAll(got.body, []byte(id), nil)
				if bytes.Contains(answer, []byte(secretOf)) || got.status >= 500 || p.In == "path" && op.method != http.MethodGet && got.status < 400 {
					t.Errorf("%s %s?%s: %d %s", op.method, path, query.Encode(), got.status, got.body)
				}
			}
		}
	}
	other := "?app_id=" + a.id
	for _, r := range [][3]string{
		{"GET", "/v1/search/~/events/t-" + secretOf, ""},
		{"GET", "/v1/search/~/users/u-" + secretOf, ""},
		{"GET", "/v1/search/~/companies/c-" + secretOf, ""},
		{"GET", "/v1/search/~/subscriptions/s-" + secretOf, ""},
		{"GET", "/v1/~/governance/rules/" + b.rule, ""},
		{"POST", "/v1/~/governance/rules/" + b.rule, `{"state":0}`},
		{"DELETE", "/v1/~/governance/rules/" + b.rule, ""},
		{"DELETE", "/v1/search/~/users/u-" + secretOf, ""},
		{"DELETE", "/v1/search/~/companies/c-" + secretOf, ""},
		{"DELETE", "/v1/search/~/subscriptions/s-" + secretOf, ""},
	} {
		if got := s.do(r[0], r[1]+other, r[2], admin...); got.status != http.StatusNotFound || bytes.Contains(got.body, []byte(secretOf)) {
			t.Errorf("%s %s: %d %s", r[0], r[1], got.status, got.body)
		}
	}
	for path, body := range map[string]string{
		"/v1/search/~/search/events" + other:                      `{"query":{"match":{"request.uri":"classified"}},"aggs":{"x":{"terms":{"field":"user_id"}}}}`,
		"/v1/search/~/companies/c-" + secretOf + "/subscriptions": "",
		"/v1/~/governance/rules":                                  "",
	} {
		method := "GET"
		if body != "" {
			method = "POST"
		} else {
			path += other
		}
		if got := s.do(method, path, body, admin...); got.status >= 300 || bytes.Contains(got.body, []byte(secretOf)) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	// The collector's documents are those of whose id it is.
	for _, path := range []string{"/v1/config", "/v1/rules"} {
		if got := s.fetch(path, nil); bytes.Contains(got.body, []byte(secretOf)) || bytes.Contains(got.body, []byte(b.rule)) {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	s.stillThere(t)
}

// A stranger is told nothing, by any operation.
func TestAStrangerIsRefusedByEveryOperation(t *testing.T) {
	s := startTwo(t)
	for _, op := range s.document().operations {
		if op.public {
			continue
		}
		path, query := s.parts(op, nil)
		for name, headers := range map[string][]string{
			"nobody":                   nil,
			"a wrong token":            {"Authorization", "Bearer " + strings.Repeat("wrong", 8)},
			"an application id":        {"Authorization", "Bearer " + s.appID},
			"a session that has ended": {"Cookie", access.SessionCookie + "=expired", "X-Gatemeter-CSRF", "1"},
		} {
			a := s.do(op.method, path+"?"+query.Encode(), `{}`, append([]string{"Content-Type", "application/json"}, headers...)...)
			if a.status != http.StatusUnauthorized && a.status != http.StatusTooManyRequests || bytes.Contains(a.body, []byte("public")) {
				t.Errorf("%s %s by %s: %d %s", op.method, op.path, name, a.status, a.body)
			}
		}
	}
	for _, id := range []string{"", "wrong", s.apps[0].id, s.appID[1:], s.appID + "x", strings.ToLower(s.appID), "'; --"} {
		for _, path := range []string{"/v1/events", "/v1/events/batch", "/v1/users", "/v1/actions"} {
			if a := s.do("POST", path, `{}`, "X-Moesif-Application-Id", id); a.status != http.StatusUnauthorized {
				t.Errorf("%s with the application id %q: %d %s", path, id, a.status, a.body)
			}
		}
	}
}
