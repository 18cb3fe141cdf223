package api

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/dashboards"
	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/state"
	"github.com/prometheus/client_golang/prometheus"
)

// analytics is the API over events of two companies, with a clock at a minute past noon.
type analytics struct {
	*governance
	app string
	now *time.Time
}

func openAnalytics(t testing.TB) analytics {
	t.Helper()
	dir := t.TempDir()
	db, err := state.Open(t.Context(), filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	store, err := events.Open(filepath.Join(dir, "events.duckdb"), events.Options{MemoryLimit: 256 << 20, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	now := noon.Add(time.Minute)
	clock := func() time.Time { return now }
	gate, err := access.Open(t.Context(), db, access.Options{AdminToken: adminToken, Clock: clock, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	a := analytics{app: gate.Applications()[0].ID, now: &now}
	var list []wire.Event
	for i := range 12 {
		at := noon.Add(time.Duration(i) * time.Second)
		e := wire.Event{
			TransactionID: fmt.Sprint(i), UserID: fmt.Sprint("u", i%4), CompanyID: "acme", Weight: 1,
			Request:  wire.Request{Time: at, URI: "https://h/orders", Verb: "GET", Headers: wire.Headers{{Name: "X-Plan", Value: "pro"}}, Body: []byte(`{"amount":2.5}`)},
			Response: &wire.Response{Time: at.Add(10 * time.Millisecond), Status: 200},
		}
		if i%3 == 0 {
			e.CompanyID, e.Response.Status, e.Request.Headers[0].Value = "bolt", 500, "=free"
		}
		list = append(list, e)
	}
	if err := store.Load(t.Context(), 0, []events.Block{{Seq: 1, App: a.app, ReceivedAt: noon, Events: list}}); err != nil {
		t.Fatal(err)
	}
	a.governance = &governance{t: t, handler: New(Options{Gate: gate, Events: store, Dashboards: dashboards.New(db, clock), Metrics: prometheus.NewRegistry(), Clock: clock, Logger: log})}
	return a
}

func asking(question string) string { return "/analytics?question=" + url.QueryEscape(question) }

func TestQuestionsAreAnswered(t *testing.T) {
	a := openAnalytics(t)
	for question, want := range map[string]string{
		`{"kind":"analysis","groups":["company_id"],"metrics":["count","error_rate","sum:request.body.amount"]}`: `"lines":[{"keys":["acme"],"others":false,"values":[8,0,20],`,
		`{"kind":"analysis","filters":[{"field":"request.headers.x-plan","op":"is","values":["pro"]}]}`:          `"total":{"keys":[],"others":false,"values":[8],`,
		`{"kind":"analysis","over_time":true,"interval":"1d","compare":true}`:                                    `"points":[[0],[12]]`,
		`{"kind":"funnel"}`:                             `"funnel":{"steps":[{"name":"First call","customers":4,"share":1,"median_seconds":null},{"name":"First success","customers":4,`,
		`{"kind":"retention","by":"company","weeks":2}`: `"cohorts":[{"week":"2026-11-09T00:00:00Z","customers":0,"active":[0,0]},{"week":"2026-11-16T00:00:00Z","customers":2,"active":[2]}]`,
	} {
		want = strings.ReplaceAll(want, "[[0],[12]]", "[[null],[12]]")
		w := a.do("GET", asking(question), "")
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s\nwant %s", question, w.Code, w.Body, want)
		}
	}
}

func TestAnswersAreExportedAsCSV(t *testing.T) {
	a := openAnalytics(t)
	for question, want := range map[string]string{
		`{"kind":"analysis","groups":["request.headers.X-Plan","company_id"]}`:         "request.headers.X-Plan,company_id,count\r\npro,acme,8\r\n'=free,bolt,4\r\n",
		`{"kind":"analysis","over_time":true,"interval":"1h","from":"-1h","to":"now"}`: "time,count\r\n2026-11-22T11:00:00Z,\r\n2026-11-22T12:00:00Z,12\r\n",
		`{"kind":"analysis","compare":true}`:                                           "count,count_before\r\n12,\r\n",
		`{"kind":"retention","weeks":1}`:                                               "week,customers,week_0\r\n2026-11-16,4,4\r\n",
		`{"kind":"funnel","steps":[{"name":"+a"},{"name":"b"}]}`:                       "step,customers,share,median_seconds\r\n'+a,4,1,\r\nb,4,1,0\r\n",
	} {
		w := a.do("GET", strings.Replace(asking(question), "?", "/export?", 1), "")
		if w.Code != http.StatusOK || w.Body.String() != want || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") {
			t.Errorf("%s: %d %s %q\nwant %q", question, w.Code, w.Header().Get("Content-Type"), w.Body, want)
		}
	}
}

func TestQuestionsThatCannotBeAnsweredSayWhy(t *testing.T) {
	a := openAnalytics(t)
	for question, want := range map[string]string{
		``:                                       "question",
		`x`:                                      "must be a question in JSON",
		`{"kind":"analysis"} {}`:                 "one JSON object",
		`{"kind":"analysis","x":1}`:              `unknown field`,
		`{"kind":"analysis","limit":"many"}`:     "limit must not be a string",
		`{"kind":"guess"}`:                       "must be analysis, funnel or retention",
		`{"kind":"analysis","from":"yesterday"}`: "from: must be a time",
		`{"kind":"analysis","from":"-500d"}`:     "400 days",
		`{"kind":"analysis","interval":"1 hour"}`:                                      "interval: must be a whole number",
		`{"kind":"analysis","order":"users"}`:                                          "order: must be one of the metrics",
		`{"kind":"analysis","metrics":["sum"]}`:                                        "sum needs a field",
		`{"kind":"analysis","filters":[{"field":"nothing","op":"is","values":["x"]}]}`: `\"nothing\" is none`,
		`{"kind":"funnel","within":"0"}`:                                               "within",
		`{"kind":"funnel","by":"route"}`:                                               "by: must be user or company",
		`{"kind":"retention","weeks":99}`:                                              "weeks: must be 1 to 52",
		`{"kind":"retention","return":[{"field":"verb","op":"is"}]}`:                   "takes 1 to 100 values",
	} {
		if w := a.do("GET", asking(question), ""); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s, want %s", question, w.Code, w.Body, want)
		}
	}
}

func TestNoTextFieldOfAQuestionIsSQL(t *testing.T) {
	a := openAnalytics(t)
	texts := []string{`'`, `"`, `';--`, `'; DROP TABLE events; --`, `") OR (1=1`, `$.*`, `{where}`, "Ünï 🦆", "\u2028", "\x00", strings.Repeat("'", 300)}
	for _, text := range texts {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, template := range []string{
			`{"kind":%s}`, `{"kind":"analysis","from":%s}`, `{"kind":"analysis","to":%s}`, `{"kind":"analysis","interval":%s}`, `{"kind":"analysis","order":%s}`,
			`{"kind":"analysis","metrics":[%s]}`, `{"kind":"analysis","groups":[%s]}`, `{"kind":"analysis","filters":[{"field":%s,"op":"is","values":["x"]}]}`,
			`{"kind":"analysis","filters":[{"field":"verb","op":%s,"values":["x"]}]}`, `{"kind":"analysis","filters":[{"field":"status","op":"gt","values":[%s]}]}`,
			`{"kind":"funnel","by":%s}`, `{"kind":"funnel","start":%s}`, `{"kind":"funnel","within":%s}`, `{"kind":"retention","by":%s}`,
		} {
			question := fmt.Sprintf(template, quoted)
			if w := a.do("GET", asking(question), ""); w.Code != http.StatusUnprocessableEntity {
				t.Errorf("%s: %d %s", question, w.Code, w.Body)
			}
		}
		for _, template := range []string{
			`{"kind":"analysis","filters":[{"field":"company_id","op":"is","values":[%s]}]}`, `{"kind":"analysis","filters":[{"field":"request.body.amount","op":"contains","values":[%s]}]}`,
			`{"kind":"funnel","steps":[{"name":%[1]s},{"name":"b","filters":[{"field":"route","op":"starts_with","values":[%[1]s]}]}]}`,
			`{"kind":"retention","return":[{"field":"user_id","op":"is_not","values":[%s]}]}`,
		} {
			question := fmt.Sprintf(template, quoted)
			refused := strings.ContainsRune(text, 0) // DuckDB's texts could hold it, but nobody means it
			if w := a.do("GET", asking(question), ""); w.Code != http.StatusOK && (!refused || w.Code != http.StatusUnprocessableEntity) {
				t.Errorf("%s: %d %s", question, w.Code, w.Body)
			}
		}
		for _, param := range []string{"app", "cursor"} {
			path := asking(`{"kind":"analysis"}`) + "&" + param + "=" + url.QueryEscape(text)
			if w := a.do("GET", path, ""); w.Code != http.StatusNotFound && w.Code != http.StatusUnprocessableEntity {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	}
	if w := a.do("GET", asking(`{"kind":"analysis"}`), ""); !strings.Contains(w.Body.String(), `"values":[12]`) {
		t.Errorf("afterwards: %s", w.Body)
	}
}

const companyChart = `{"name":"By company","shared":true,"question":{"kind":"analysis","metrics":["count"],"groups":["company_id"],"chart":"bar"}}`

func TestChartsAndDashboardsAreKept(t *testing.T) {
	a := openAnalytics(t)
	chart := a.expect(201, "POST", "/charts", companyChart)
	id := chart["id"].(string)
	chart["name"] = "Renamed"
	text, err := json.Marshal(chart)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.expect(200, "PUT", "/charts/"+id, string(text)); got["name"] != "Renamed" || got["mine"] != true {
		t.Errorf("got %v", got)
	}
	board := a.expect(201, "POST", "/dashboards", `{"name":"Board","tiles":[{"chart":"`+id+`","width":6,"height":2}]}`)
	if got := a.expect(200, "GET", "/dashboards/"+board["id"].(string), "")["tiles"].([]any); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	if got := a.expect(200, "GET", "/charts", "")["charts"].([]any); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	for body, want := range map[string]string{
		`{"name":"","question":{"kind":"analysis"}}`:                       "name: must have 1 to 200 characters",
		`{"name":"x","question":{"kind":"analysis","groups":["secret"]}}`:  `\"secret\" is none`,
		`{"name":"x","question":{"kind":"analysis","metrics":["median"]}}`: `median`,
		`{"name":"x","question":{"kind":"x"}}`:                             "kind",
	} {
		if w := a.do("POST", "/charts", body); w.Code != 422 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	a.expect(422, "POST", "/dashboards", `{"name":"Board","tiles":[{"chart":"none","width":6,"height":2}]}`)
	a.expect(204, "DELETE", "/charts/"+id, "")
	a.expect(404, "DELETE", "/charts/"+id, "")
	a.expect(204, "DELETE", "/dashboards/"+board["id"].(string), "")
}

// stranger asks without a sign-in, with an embed token.
func (a analytics) stranger(method, path, token string) (int, string) {
	a.t.Helper()
	w := a.do(method, path, "", "Authorization", "", "X-Gatemeter-Embed", token)
	return w.Code, w.Body.String()
}

func TestAnEmbedTokenShowsWhatItNamesAndNothingElse(t *testing.T) {
	a := openAnalytics(t)
	id := a.expect(201, "POST", "/charts", companyChart)["id"].(string)
	other := a.expect(201, "POST", "/charts", companyChart)["id"].(string)
	made := a.expect(201, "POST", "/embeds", `{"chart":"`+id+`","filters":[{"field":"company_id","op":"is","values":["acme"]}],"expires_in":"1h","frame_ancestors":["https://shop.example"]}`)
	token := made["token"].(string)
	if made["path"] != "/embed/"+token || made["expires_at"] != "2026-11-22T13:01:00Z" {
		t.Errorf("got %v", made)
	}
	if code, body := a.stranger("GET", "/embed", token); code != 200 || !strings.Contains(body, `"title":"By company"`) || strings.Contains(body, "acme") {
		t.Errorf("%d %s", code, body)
	}
	data := "/embed/data?chart=" + id
	if code, body := a.stranger("GET", data, token); code != 200 || !strings.Contains(body, `"keys":["acme"]`) || strings.Contains(body, "bolt") {
		t.Errorf("%d %s", code, body)
	}

	// Whatever else is sent with it, nothing of bolt comes out.
	bolt := `{"kind":"analysis","groups":["company_id"],"filters":[{"field":"company_id","op":"is","values":["bolt"]}]}`
	for _, path := range []string{
		data + "&question=" + url.QueryEscape(bolt), data + "&filters=[]&company_id=bolt", data + "&app=" + a.app, "/embed/data?chart=" + other, "/embed/data?chart=", "/embed/data",
		asking(bolt), asking(bolt) + "&app=" + a.app, "/usage/top?by=company", "/events", "/apps", "/charts", "/charts/" + id, "/dashboards", "/companies",
		strings.Replace(asking(bolt), "?", "/export?", 1),
	} {
		if code, body := a.stranger("GET", path, token); strings.Contains(body, "bolt") || code == 200 && !strings.HasPrefix(path, data) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	for method, path := range map[string]string{"POST": "/embeds", "PUT": "/charts/" + id, "DELETE": "/embeds"} {
		if code, body := a.stranger(method, path, token); code != 401 {
			t.Errorf("%s %s: %d %s", method, path, code, body)
		}
	}
	for _, bad := range []string{"", "gme_", token + "x", token[:len(token)-2], strings.Replace(token, "gme_", "", 1), "gme_e30.e30"} {
		if code, body := a.stranger("GET", data, bad); code != 401 {
			t.Errorf("%q: %d %s", bad, code, body)
		}
	}
	*a.now = a.now.Add(time.Hour)
	if code, _ := a.stranger("GET", data, token); code != 401 {
		t.Errorf("an hour later: %d", code)
	}
	*a.now = a.now.Add(-time.Hour)
	a.expect(204, "DELETE", "/embeds", "")
	if code, _ := a.stranger("GET", data, token); code != 401 {
		t.Errorf("after they were revoked: %d", code)
	}
}

func TestTheRowFilterHoldsForEveryKindOfQuestion(t *testing.T) {
	a := openAnalytics(t)
	var tiles []string
	for _, question := range []string{
		`{"kind":"retention","by":"company","weeks":1}`, `{"kind":"funnel","by":"company"}`, `{"kind":"funnel","by":"company","start":"any","steps":[{},{}]}`,
		`{"kind":"analysis","metrics":["companies"],"compare":true,"over_time":true,"interval":"1d"}`,
	} {
		id := a.expect(201, "POST", "/charts", `{"name":"x","question":`+question+`}`)["id"].(string)
		tiles = append(tiles, `{"chart":"`+id+`","width":6,"height":1}`)
	}
	board := a.expect(201, "POST", "/dashboards", `{"name":"Board","tiles":[`+strings.Join(tiles, ",")+`]}`)["id"].(string)
	token := a.expect(201, "POST", "/embeds", `{"dashboard":"`+board+`","filters":[{"field":"company_id","op":"is","values":["bolt"]}]}`)["token"].(string)
	for i, want := range []string{`"customers":1,"active":[1]`, `"customers":1,"share":1`, `"customers":1,"share":1`, `"values":[1]`} {
		id := strings.Split(tiles[i], `"`)[3]
		if code, body := a.stranger("GET", "/embed/data?chart="+id, token); code != 200 || !strings.Contains(body, want) {
			t.Errorf("%d: %d %s, want %s", i, code, body, want)
		}
	}
}

func TestEmbedTokensThatAreNotMade(t *testing.T) {
	a := openAnalytics(t)
	id := a.expect(201, "POST", "/charts", companyChart)["id"].(string)
	filter := `"filters":[{"field":"company_id","op":"is","values":["acme"]}]`
	for body, want := range map[string]int{
		`{"chart":"` + id + `"}`:                                                       422,
		`{"chart":"` + id + `","all_calls":true}`:                                      201,
		`{"chart":"` + id + `","all_calls":true,` + filter + `}`:                       422,
		`{` + filter + `}`:                                                             422,
		`{"chart":"none",` + filter + `}`:                                              404,
		`{"dashboard":"` + id + `",` + filter + `}`:                                    404,
		`{"chart":"` + id + `","expires_in":"31d",` + filter + `}`:                     422,
		`{"chart":"` + id + `","expires_in":"soon",` + filter + `}`:                    422,
		`{"chart":"` + id + `","frame_ancestors":["*"],` + filter + `}`:                422,
		`{"chart":"` + id + `","filters":[{"field":"x","op":"is","values":["acme"]}]}`: 422,
	} {
		if w := a.do("POST", "/embeds", body); w.Code != want {
			t.Errorf("%s: %d %s, want %d", body, w.Code, w.Body, want)
		}
	}
}

func FuzzQuestionsFromOutside(f *testing.F) {
	f.Add(`{"kind":"analysis","groups":["request.body.a"]}`)
	f.Add(`{"kind":"funnel","steps":[{"filters":[{"field":"verb","op":"is","values":["a"]}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := parseQuestion(text)
		if err != nil || q.check("app", noon) != nil {
			return
		}
		document, err := q.document()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseQuestion(string(document))
		if err != nil || again.check("app", noon) != nil {
			t.Errorf("%s comes back as %s: %v", text, document, err)
		}
		if !slices.Equal(q.Metrics, again.Metrics) || !slices.Equal(q.Groups, again.Groups) {
			t.Errorf("%s comes back as %s", text, document)
		}
	})
}
