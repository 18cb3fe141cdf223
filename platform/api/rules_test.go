package api

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/rules"
	"github.com/gatemeter/gatemeter/platform/state"
	"github.com/prometheus/client_golang/prometheus"
)

const adminToken = "a-token-for-administrators"

// governance is the API over rules in a database of their own.
type governance struct {
	t       testing.TB
	handler http.Handler
	rules   *rules.Rules
	options Options
}

func openGovernance(t testing.TB) *governance {
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
	log := slog.New(slog.DiscardHandler)
	gate, err := access.Open(t.Context(), db, access.Options{AdminToken: adminToken, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	r := rules.New(db, time.Now)
	o := Options{Gate: gate, Rules: r, Metrics: prometheus.NewRegistry(), Clock: time.Now, Logger: log}
	return &governance{t, New(o), r, o}
}

func (g *governance) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	g.t.Helper()
	r := httptest.NewRequest(method, "/api/v1"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+adminToken)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	g.handler.ServeHTTP(w, r)
	return w
}

// expect answers the body of an answer with this status.
func (g *governance) expect(status int, method, path, body string) map[string]any {
	g.t.Helper()
	w := g.do(method, path, body)
	if w.Code != status {
		g.t.Fatalf("%s %s: got %d %s, want %d", method, path, w.Code, w.Body, status)
	}
	var v map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil && w.Body.Len() > 0 {
		g.t.Fatal(err)
	}
	return v
}

func parsed(t testing.TB, text string) (v map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

const wholeRule = `{"name":"Free plan","type":"company","state":"on","block":true,"applied_to":"not_matching","applied_to_unidentified":true,
	"variables":[{"name":"0","path":"body.plan"}],"regex_config":[{"conditions":[{"path":"request.verb","value":"POST"}]}],
	"response":{"status":402,"headers":{"X-Plan":"{{0}}"},"body":{"error":["{{0}}",1.50,null]}},
	"cohort":"","customers":[{"id":"acme","values":{"0":"free"}},{"id":"bolt","values":{}}]}`

func TestARuleIsReadAsItWasWritten(t *testing.T) {
	g := openGovernance(t)
	want := parsed(t, wholeRule)
	same := func(what string, got map[string]any) {
		t.Helper()
		for _, k := range []string{"id", "state_since", "created_at", "updated_at"} {
			if s, _ := got[k].(string); s == "" {
				t.Errorf("%s: no %s", what, k)
			}
			want[k] = got[k]
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v\nwant %v", what, got, want)
		}
	}
	made := g.expect(201, "POST", "/rules", wholeRule)
	same("made", made)
	path := "/rules/" + made["id"].(string)
	read := g.do("GET", path, "")
	same("read", parsed(t, read.Body.String()))
	list := g.expect(200, "GET", "/rules", "")["rules"].([]any)
	if len(list) != 1 {
		t.Fatalf("got %v", list)
	}
	same("listed", list[0].(map[string]any))
	same("sent back", g.expect(200, "PUT", path, read.Body.String()))
}

func TestWhatIsLeftOutGetsItsDefault(t *testing.T) {
	g := openGovernance(t)
	const defaults = `{"name":"x","type":"regex","state":"off","block":true,"applied_to":"matching","applied_to_unidentified":false,
		"variables":[],"regex_config":[],"response":{"status":429,"headers":{},"body":{}},"cohort":"","customers":[]}`
	id := g.expect(201, "POST", "/rules", wholeRule)["id"].(string)
	got := g.expect(200, "PUT", "/rules/"+id, `{"name":"x","type":"regex","block":true,"response":{"body":null},"customers":null}`)
	want := parsed(t, defaults)
	for _, k := range []string{"id", "state_since", "created_at", "updated_at"} {
		want[k] = got[k]
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	const config = `{"sample_rate":100,"user_sample_rate":{},"company_sample_rate":{},"regex_config":[],"block_bot_traffic":false,"ip_addresses_blocked_by_name":{}}`
	for _, got := range []map[string]any{g.expect(200, "GET", "/config", ""), g.expect(200, "PUT", "/config", `{}`)} {
		if !reflect.DeepEqual(got, parsed(t, config)) {
			t.Errorf("got %v", got)
		}
	}
}

func TestAConfigurationIsReadAsItWasWritten(t *testing.T) {
	g := openGovernance(t)
	const config = `{"sample_rate":0,"user_sample_rate":{"ada":1},"company_sample_rate":{"acme":2},
		"regex_config":[{"conditions":[{"path":"response.status","value":"^2"}],"sample_rate":0}],"block_bot_traffic":true,"ip_addresses_blocked_by_name":{"x":"10.0.0.1"}}`
	if got := g.expect(200, "PUT", "/config", config); !reflect.DeepEqual(got, parsed(t, config)) {
		t.Errorf("got %v", got)
	}
	if got := g.expect(200, "GET", "/config", ""); !reflect.DeepEqual(got, parsed(t, config)) {
		t.Errorf("got %v", got)
	}
}

func TestRulesAreDeletedOnce(t *testing.T) {
	g := openGovernance(t)
	path := "/rules/" + g.expect(201, "POST", "/rules", wholeRule)["id"].(string)
	g.expect(204, "DELETE", path, "")
	g.expect(404, "DELETE", path, "")
	g.expect(404, "GET", path, "")
	g.expect(404, "PUT", path, wholeRule)
	g.expect(404, "GET", "/rules?app=none", "")
	g.expect(404, "POST", "/rules?app=none", wholeRule)
	g.expect(404, "PUT", "/config?app=none", `{}`)
	if list := g.expect(200, "GET", "/rules", "")["rules"].([]any); len(list) != 0 {
		t.Errorf("got %v", list)
	}
}

func TestGovernanceNeedsASignIn(t *testing.T) {
	g := openGovernance(t)
	for _, o := range []struct{ method, path, body string }{
		{"GET", "/rules", ""}, {"POST", "/rules", wholeRule}, {"GET", "/rules/x", ""}, {"PUT", "/rules/x", wholeRule}, {"DELETE", "/rules/x", ""},
		{"GET", "/config", ""}, {"PUT", "/config", `{}`},
		{"POST", "/rules/dry-run", wholeRule}, {"GET", "/rules/x/dry-run", ""}, {"POST", "/rules/preview", `{"rule":` + wholeRule + `}`},
		{"PUT", "/rules/order", `{"rules":[]}`}, {"PUT", "/rules/x/state", `{"state":"on"}`}, {"PUT", "/rules/x/customers", `{"customers":[]}`},
		{"GET", "/rules/history", ""}, {"GET", "/rules/x/history", ""}, {"GET", "/rules/x/versions/1", ""}, {"POST", "/rules/x/revert", `{"version":1}`},
	} {
		for _, authorization := range []string{"", "Bearer wrong"} {
			if w := g.do(o.method, o.path, o.body, "Authorization", authorization); w.Code != 401 {
				t.Errorf("%s %s with %q: got %d", o.method, o.path, authorization, w.Code)
			}
		}
	}
	if w := g.do("POST", "/rules", wholeRule, "Sec-Fetch-Site", "cross-site"); w.Code != 403 {
		t.Errorf("from another site: got %d", w.Code)
	}
	if list := g.expect(200, "GET", "/rules", "")["rules"].([]any); len(list) != 0 {
		t.Errorf("got %v", list)
	}
}

func TestBadInputNamesItsField(t *testing.T) {
	g := openGovernance(t)
	id := g.expect(201, "POST", "/rules", wholeRule)["id"].(string)
	regex := func(members string) string { return `{"name":"n","type":"regex",` + members + `}` }
	user := func(members string) string { return `{"name":"n","type":"user",` + members + `}` }
	for _, c := range []struct {
		body  string
		wrong string // locations
	}{
		{`{}`, "body body"}, // name and type are missing
		{`{"name":"","type":"regex"}`, "body.name"},
		{`{"name":"` + strings.Repeat("n", 201) + `","type":"regex"}`, "body.name"},
		{`{"name":7,"type":"regex"}`, "body.name"},
		{`{"name":"n","type":"subscription"}`, "body.type"},
		{regex(`"nmae":"n"`), "body.nmae"},
		{regex(`"block":"yes"`), "body.block"},
		{regex(`"state":"maybe"`), "body.state"},
		{regex(`"enabled":"yes"`), "body.enabled"},
		{regex(`"state":"shadow","enabled":true`), "body.enabled"},
		{regex(`"applied_to":"all"`), "body.applied_to"},
		{regex(`"applied_to":"not_matching"`), "body.applied_to"},
		{regex(`"regex_config":{}`), "body.regex_config"},
		{regex(`"regex_config":[{}]`), "body.regex_config[0]"},
		{regex(`"regex_config":[{"conditions":[]},{"conditions":[{"path":"request.verb","value":"a"},{"path":"request.verb","value":"("}]}]`), "body.regex_config[1].conditions[1].value"},
		{regex(`"regex_config":[{"conditions":[{"path":"request.nothing","value":"a"}]}]`), "body.regex_config[0].conditions[0].path"},
		{regex(`"regex_config":[{"conditions":[{"path":"response.status","value":"5"}]}]`), "body.regex_config[0].conditions[0].path"},
		{regex(`"regex_config":[{"conditions":[{"path":"request.verb"}]}]`), "body.regex_config[0].conditions[0]"},
		{regex(`"regex_config":[{"conditions":[],"sample_rate":1}]`), "body.regex_config[0].sample_rate"},
		{regex(`"block":true,"response":{"status":99}`), "body.response.status"},
		{regex(`"response":{"status":"429"}`), "body.response.status"},
		{regex(`"response":{"headers":{"X-A":1}}`), "body.response.headers.X-A"},
		{regex(`"response":{"headers":{"X-A":"a\r\nSet-Cookie: b"}}`), "body.response.headers.X-A"},
		{regex(`"response":{"headers":{"Content-Length":"1"}}`), "body.response.headers.Content-Length"},
		{regex(`"response":{"body":"` + strings.Repeat("b", 64<<10) + `"}`), "body.response.body"},
		{regex(`"variables":[{"name":"0","path":"a"},{"name":"0","path":"b"}]`), "body.variables[1].name"},
		{regex(`"variables":[{"name":"","path":"a"}]`), "body.variables[0].name"},
		{regex(`"customers":[{"id":"ada"}]`), "body.customers"},
		{user(`"customers":[{"id":"ada"},{"id":""}]`), "body.customers[1].id"},
		{user(`"customers":[{"id":"ada"},{"id":"ada"}]`), "body.customers[1].id"},
		{user(`"customers":[{"id":7}]`), "body.customers[0].id"},
		{user(`"customers":[{"id":"` + strings.Repeat("i", 1025) + `"}]`), "body.customers[0].id"},
		{user(`"customers":[{"id":"ada","values":{"0":1}}]`), "body.customers[0].values.0"},
		{user(`"customers":[{"id":"ada","values":{"0":"free"}}]`), "body.customers[0].values.0"},
	} {
		for _, o := range []struct{ method, path string }{{"POST", "/rules"}, {"PUT", "/rules/" + id}} {
			g.refused(o.method, o.path, c.body, c.wrong)
		}
	}
	for body, wrong := range map[string]string{
		`{"sample_rate":101}`:                                    "body.sample_rate",
		`{"sample_rate":-1}`:                                     "body.sample_rate",
		`{"sample_rate":"50"}`:                                   "body.sample_rate",
		`{"sample_rate":0.5}`:                                    "body.sample_rate",
		`{"sample_rates":5}`:                                     "body.sample_rates",
		`{"user_sample_rate":{"ada":101}}`:                       "body.user_sample_rate.ada",
		`{"company_sample_rate":{"":1}}`:                         "body.company_sample_rate",
		`{"regex_config":[{"conditions":[]}]}`:                   "body.regex_config[0]",
		`{"regex_config":[{"conditions":[],"sample_rate":101}]}`: "body.regex_config[0].sample_rate",
		`{"regex_config":[{"conditions":[{"path":"request.verb","value":"["}],"sample_rate":1}]}`:    "body.regex_config[0].conditions[0].value",
		`{"regex_config":[{"conditions":[{"path":"response.time","value":"1"}],"sample_rate":1}]}`:   "body.regex_config[0].conditions[0].path",
		`{"ip_addresses_blocked_by_name":{"office":"10.0.0.1","x":"300.1.1.1"}}`:                     "body.ip_addresses_blocked_by_name.x",
		`{"ip_addresses_blocked_by_name":{"x":"10.0.0.1:80"},"block_bot_traffic":1,"sample_rate":7}`: "body.block_bot_traffic",
	} {
		g.refused("PUT", "/config", body, wrong)
	}
	if got := g.expect(200, "GET", "/rules", "")["rules"].([]any); len(got) != 1 || got[0].(map[string]any)["name"] != "Free plan" {
		t.Errorf("what was refused changed the rules: %v", got)
	}
}

// refused expects a problem document with exactly these locations.
func (g *governance) refused(method, path, body, wrong string) {
	g.t.Helper()
	w := g.do(method, path, body)
	var p struct {
		Errors []struct{ Location, Message string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 422 || w.Header().Get("Content-Type") != "application/problem+json" {
		g.t.Errorf("%s %s %.200s: got %d %s", method, path, body, w.Code, w.Body)
		return
	}
	var got []string
	for _, e := range p.Errors {
		got = append(got, e.Location)
		if e.Message == "" {
			g.t.Errorf("%.200s: %s has no message", body, e.Location)
		}
	}
	slices.Sort(got)
	if strings.Join(got, " ") != wrong {
		g.t.Errorf("%s %s %.200s: got %+v, want %s", method, path, body, p.Errors, wrong)
	}
}

func TestBodiesThatAreNoJSONOrTooLargeAreRefused(t *testing.T) {
	g := openGovernance(t)
	if w := g.do("POST", "/rules", `{"name":`); w.Code != 400 {
		t.Errorf("cut: got %d %s", w.Code, w.Body)
	}
	if w := g.do("PUT", "/config", `{"user_sample_rate":{"`+strings.Repeat("a", maxConfigRequest)+`":1}}`); w.Code != 413 {
		t.Errorf("too large: got %d %.200s", w.Code, w.Body)
	}
}

// BenchmarkCohortOf100000 shows what an editor waits for over the API.
func BenchmarkCohortOf100000(b *testing.B) {
	g := openGovernance(b)
	id := g.expect(201, "POST", "/rules", `{"name":"n","type":"user"}`)["id"].(string)
	bodies := make([]string, 2)
	for i := range bodies {
		customers := make([]string, rules.MaxCustomers)
		for j := range customers {
			customers[j] = fmt.Sprintf(`{"id":"user-%08d","values":{"0":"plan-%d"}}`, j, i)
		}
		bodies[i] = `{"name":"n","type":"user","enabled":true,"variables":[{"name":"0","path":"p"}],"customers":[` + strings.Join(customers, ",") + `]}`
	}
	b.SetBytes(int64(len(bodies[0])))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if w := g.do("PUT", "/rules/"+id, bodies[i%2]); w.Code != 200 {
			b.Fatal(w.Code, w.Body)
		}
	}
}
