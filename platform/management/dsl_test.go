package management

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/rules"
)

// noon is a Wednesday's.
var noon = time.Date(2026, 11, 25, 12, 34, 56, 789000000, time.UTC)

func TestMomentsAreReadAsMoesifsScriptsWriteThem(t *testing.T) {
	berlin, err := zone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string]string{
		"now":                       "2026-11-25T12:34:56.789Z",
		"-30s":                      "2026-11-25T12:34:26Z",
		"-15m":                      "2026-11-25T12:19:00Z",
		"-24h":                      "2026-11-24T12:00:00Z",
		"-1d":                       "2026-11-23T23:00:00Z", // midnight in Berlin
		"-1w":                       "2026-11-15T23:00:00Z", // Monday
		"-1M":                       "2026-09-30T22:00:00Z", // still summer
		"now-1d/d":                  "2026-11-23T23:00:00Z",
		"now+1h-30m":                "2026-11-25T13:04:56.789Z",
		"now/M":                     "2026-10-31T23:00:00Z",
		"2026-11-01":                "2026-10-31T23:00:00Z",
		"2026-11-01T10:00:00":       "2026-11-01T10:00:00Z",
		"2026-11-01T10:00:00+02:00": "2026-11-01T08:00:00Z",
		"1764072896789":             "2025-11-25T12:14:56.789Z",
		"1764072896789.123":         "2025-11-25T12:14:56.789123Z",
	} {
		got, err := moment("from", s, noon, berlin)
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%s: %s, %v; want %s", s, got.Format(time.RFC3339Nano), err, want)
		}
	}
	for _, s := range []string{"", "yesterday", "-", "-d", "-1", "-1x", "--1d", "-99999999999d", "-300y", "now-", "now-1", "now/x", "now1d", "1e300", "NaN", "-1d/d", strings.Repeat("9", 70)} {
		if got, err := moment("from", s, noon, berlin); err == nil {
			t.Errorf("%q is read as %s", s, got)
		} else if !strings.HasPrefix(err.Error(), "from: must be a time") {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"Local", "Mars/Olympus", "../../etc/passwd", strings.Repeat("x", 100)} {
		if _, err := zone(s); err == nil {
			t.Errorf("%q is a zone", s)
		}
	}
}

// read reads a search as the API does.
func read(body string) (events.Search, error) {
	c := call{Request: httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)), w: httptest.NewRecorder()}
	var q events.Search
	o, err := document(c, searchMembers...)
	if err != nil {
		return q, err
	}
	p := &parser{now: noon, zone: time.UTC}
	return q, p.search(o, &q)
}

func TestWhatASearchCannotHaveIsNamed(t *testing.T) {
	for body, want := range map[string]string{
		`nonsense`:                            "body: is no JSON",
		`{} {}`:                               "body: has something behind its end",
		`[]`:                                  "body: must be an object",
		`{"highlight":{}}`:                    "body.highlight: is not known here: known are query,",
		`{"query":{"fuzzy":{"user_id":"x"}}}`: "query.fuzzy: is not known here: known are bool,",
		`{"query":{"term":{"a":1},"match_all":{}}}`:                                                  "query: must be an object with one member",
		`{"query":{"bool":{"must":[{"match_all":{}},{"script":{}}]}}}`:                               "query.bool.must[1].script: is not known here",
		`{"query":{"bool":{"must":7}}}`:                                                              "query.bool.must[0]: must be an object with one member",
		`{"query":{"bool":{"should":[],"minimum_should_match":"75%"}}}`:                              "query.bool.minimum_should_match: must be 0 or 1",
		`{"query":{"term":{"request.body.":1}}}`:                                                     `query.term.request.body.: "request.body." is not a field that can be searched`,
		`{"aggs":{"a":{"range":{"field":"user_id","ranges":[{"to":1}]}}}}`:                           "aggs.a.range.field: must be a field of numbers",
		`{"aggs":{"a":{"range":{"field":"weight","ranges":[]}}}}`:                                    "aggs.a.range.ranges: must be a list of 1 to 50",
		`{"aggs":{"a":{"range":{"field":"weight","ranges":[{"from":"x"}]}}}}`:                        "aggs.a.range.ranges[0].from: must be a number",
		`{"aggs":{"a":{"range":{"field":"weight","ranges":[{"from":2,"to":2}]}}}}`:                   "aggs.a.range.ranges[0]: from must be less than to",
		`{"aggs":{"a":{"range":{"field":"weight","ranges":[{"to":5},{"from":4}]}}}}`:                 "aggs.a.range.ranges[1]: must not overlap with ranges[0]",
		`{"aggs":{"a":{"range":{"field":"weight","keyed":true,"ranges":[{}]}}}}`:                     "aggs.a.range.keyed: is not known here",
		`{"query":{"term":{"user_id":{"value":"x","fuzz":1}}}}`:                                      "query.term.user_id.fuzz: is not known here",
		`{"query":{"term":{"user_id":["x"]}}}`:                                                       "query.term.user_id: must be a string, a number or a boolean",
		`{"query":{"terms":{"user_id":"x"}}}`:                                                        "query.terms.user_id: must be a list",
		`{"query":{"terms":{"user_id":[{}]}}}`:                                                       "query.terms.user_id[0]: must be a string",
		`{"query":{"range":{"request.time":{"gte":"soon"}}}}`:                                        "query.range.request.time.gte: must be a time",
		`{"query":{"range":{"weight":{"over":1}}}}`:                                                  "query.range.weight.over: is not known here",
		`{"query":{"exists":{"field":7}}}`:                                                           "query.exists.field: must name a field",
		`{"size":10000}`:                                                                             "size: must be a whole number from 0 to 1000",
		`{"size":1.5}`:                                                                               "size: must be a whole number",
		`{"from":-1}`:                                                                                "from: must be a whole number from 0",
		`{"sort":[{"request.time":"desc"},{"weight":"asc"}]}`:                                        "sort: must be one field",
		`{"sort":[{"request.time":"up"}]}`:                                                           "sort[0].request.time: must be asc or desc",
		`{"search_after":"x"}`:                                                                       "search_after: must be the sort of a hit",
		`{"search_after":["x","y"]}`:                                                                 "search_after[0]: must be a time",
		`{"search_after":[1,2]}`:                                                                     "search_after[1]: must be the id of a hit",
		`{"aggs":{"a":{"significant_terms":{}}}}`:                                                    "aggs.a.significant_terms: is not known here: known are terms,",
		`{"aggs":{"a":{"terms":{"field":"user_id","size":100000}}}}`:                                 "aggs.a.terms.size: must be a whole number from 1 to 1000",
		`{"aggs":{"a":{"terms":{"field":"request.time"}}}}`:                                          "aggs.a.terms.field: is a time",
		`{"aggs":{"a":{"date_histogram":{"field":"request.time","interval":"fortnight"}}}}`:          "aggs.a.date_histogram.interval: must be an interval",
		`{"aggs":{"a":{"date_histogram":{"field":"user_id","interval":"1d"}}}}`:                      "aggs.a.date_histogram.field: must be request.time",
		`{"aggs":{"a":{"sum":{"field":"duration_ms","missing":0}}}}`:                                 "aggs.a.sum.missing: is known for weight only",
		`{"aggs":{"a":{"percentiles":{"field":"duration_ms","percents":[101]}}}}`:                    "aggs.a.percentiles.percents: must be at most 20 numbers",
		`{"aggs":{"a":{"sum":{"field":"weight"},"aggs":{"b":{"sum":{"field":"weight"}}}}}}`:          "aggs.a.sum: cannot have aggs below",
		`{"query":` + strings.Repeat(`{"bool":{"must":`, 30) + `{}` + strings.Repeat(`}}`, 30) + `}`: "nested deeper than 20",
		`{"query":{"terms":{"user_id":[` + strings.Repeat(`"x",`, 2000) + `"x"]}}}`:                  "more than 1024 clauses",
	} {
		var p *problem
		if _, err := read(body); !errors.As(err, &p) || p.Status != http.StatusBadRequest || !strings.Contains(p.Detail, want) {
			t.Errorf("%.80s: %v, want %s", body, err, want)
		}
	}
}

func FuzzSearchesAreReadOrRefused(f *testing.F) {
	f.Add([]byte(`{"size":1,"query":{"bool":{"filter":[{"term":{"user_id.raw":"x"}},{"range":{"request.time":{"gte":"now-1d/d"}}}]}},"sort":[{"request.time":{"order":"desc"}}],"search_after":[1764072896789.1,"x"],"aggs":{"a":{"terms":{"field":"user_id","order":{"_count":"asc"}},"aggs":{"b":{"date_histogram":{"field":"request.time","interval":"1d"}}}}}}`))
	f.Add([]byte(`{"query":{"terms":{"metadata.a.b":[1,"x",true]}},"post_filter":{"match":{"request.uri":{"query":"a b","operator":"and"}}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var p *problem
		if _, err := read(string(body)); err != nil && !errors.As(err, &p) {
			t.Errorf("%s: %v", body, err)
		}
	})
}

func FuzzRulesAreReadOrRefused(f *testing.F) {
	f.Add([]byte(`{"name":"x","state":2,"block":true,"type":"user","response":{"status":429,"headers":{"a":"b"},"body":{"x":["{{0}}"]}},"variables":[{"name":"0","path":"p"}],"regex_config":[{"conditions":[{"path":"request.verb","value":"GET"}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		u, x, err := readRule(body, nil)
		var p *problem
		if err != nil {
			if !errors.As(err, &p) {
				t.Errorf("%s: %v", body, err)
			}
			return
		}
		text, err := json.Marshal(x)
		if err != nil || bytes.Contains(text, []byte("\x00")) {
			t.Errorf("%s: %v", body, err)
		}
		if u.State == rules.On && !bytes.Contains(body, []byte("state")) {
			t.Errorf("%s is in force", body)
		}
	})
}

func TestWhoseAPathIs(t *testing.T) {
	for path, want := range map[string]bool{
		"/v1/events": false, "/v1/events/batch": false, "/v1/users/batch": false, "/v1/config": false, "/v1/rules": false, "/v1/": false, "/v1/nothing": false,
		"/v1/~/governance/rules": true, "/v1/search/~/users/x": true, "/v1/421:67/cohorts": true, "/v1/~": false, "/v1/events/batch/x": false,
	} {
		if Owns(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}

// What the collector's requests pay for it.
func BenchmarkOwns(b *testing.B) {
	for b.Loop() {
		if Owns("/v1/events/batch") {
			b.Fatal("the collector's")
		}
	}
}
