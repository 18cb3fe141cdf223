package platform_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestScriptsSearchBodiesAndHeaders(t *testing.T) {
	s := start(t, t.TempDir())
	var batch []string
	for i, body := range []string{
		`{"sku":"apple","total":5,"lines":[{"n":1},{"n":2}]}`, `{"sku":"apple","total":"45.5"}`, `{"sku":"pear","total":120}`,
		`{"sku":"pear"}`, `["apple"]`, `"no JSON at all"`, `null`,
	} {
		name := []string{"X-Plan", "x-plan", "X-PLAN"}[i%3]
		batch = append(batch, fmt.Sprintf(`{"transaction_id":"b-%d","request":{"time":%q,"uri":"https://api.test/orders","verb":"POST","headers":{%q:"gold"},"body":%s},`+
			`"response":{"time":%q,"status":201,"headers":{%q:"%d"},"body":{"charged":{"usd":%d}}}}`, i, ago(time.Duration(i+1)*time.Second, goTime), name, body, ago(time.Duration(i)*time.Second, goTime), name+"-Level", i, 10*i))
	}
	batch = append(batch, fmt.Sprintf(`{"transaction_id":"b-7","request":{"time":%q,"uri":"https://api.test/orders","verb":"POST","headers":{},"body":"eyJza3UiOiJhcHBsZSJ9","transfer_encoding":"base64"}}`, ago(8*time.Second, goTime)))
	s.collect("/v1/events/batch", "["+strings.Join(batch, ",")+"]")
	const search, count = "/v1/search/~/search/events?from=-1d&to=now", "/v1/search/~/count/events?from=-1d&to=now"
	eventually(t, "all events found", func() bool { return at(t, s.script(201, "POST", count, `{}`), "count") == 8.0 })

	for query, want := range map[string]float64{
		`{"term":{"request.body.sku.raw":"apple"}}`:                                 2,
		`{"terms":{"request.body.total":[5,120]}}`:                                  2,
		`{"range":{"request.body.total":{"gte":45,"lt":120}}}`:                      1,
		`{"match":{"request.body.sku":"PEA"}}`:                                      2,
		`{"prefix":{"request.body.sku":"app"}}`:                                     2,
		`{"exists":{"field":"request.body.sku"}}`:                                   4,
		`{"bool":{"must_not":{"exists":{"field":"request.body.sku"}}}}`:             4,
		`{"term":{"request.body.lines.1.n":2}}`:                                     1,
		`{"term":{"request.body.0":"apple"}}`:                                       1,
		`{"range":{"response.body.charged.usd":{"gt":39.5}}}`:                       3,
		`{"term":{"request.headers.x-plan":"gold"}}`:                                7,
		`{"term":{"request.headers.X-PLAN.raw":"gold"}}`:                            7,
		`{"range":{"response.headers.x-plan-level":{"gte":5}}}`:                     2,
		`{"term":{"request.body.x') OR 1=1 --":"x"}}`:                               0,
		`{"term":{"request.body.'; DROP TABLE bodies; --.x":"'; DROP TABLE x;--"}}`: 0,
	} {
		if got := at(t, s.script(201, "POST", count, `{"query":`+query+`}`), "count"); got != want {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}

	found := s.script(201, "POST", search, `{"size":2,"_source":false,"sort":[{"response.body.charged.usd":{"order":"desc"}}],"query":{"exists":{"field":"request.body.sku"}},"aggs":{
		"skus":{"terms":{"field":"request.body.sku.raw","order":{"spent":"desc"}},"aggs":{"spent":{"sum":{"field":"request.body.total"}},"p":{"percentiles":{"field":"request.body.total","percents":[50]}}}},
		"mean":{"avg":{"field":"response.body.charged.usd"}},
		"plans":{"terms":{"field":"request.headers.x-plan"}},
		"sizes":{"range":{"field":"request.body.total","ranges":[{"to":1},{"from":1,"to":100},{"from":100}]},"aggs":{"calls":{"sum":{"field":"weight"}}}}}}`)
	aggs, _ := at(t, found, "aggregations").(map[string]any)
	number := func(v float64) map[string]any { return map[string]any{"value": v} }
	median := func(v float64) map[string]any { return map[string]any{"values": map[string]any{"50.0": v}} }
	for name, want := range map[string]any{
		"skus": map[string]any{"sum_other_doc_count": 0.0, "doc_count_error_upper_bound": 0.0, "buckets": []any{
			map[string]any{"key": "pear", "doc_count": 2.0, "spent": number(120), "p": median(120)},
			map[string]any{"key": "apple", "doc_count": 2.0, "spent": number(50.5), "p": median(25.25)},
		}},
		"mean":  number(15),
		"plans": map[string]any{"sum_other_doc_count": 0.0, "doc_count_error_upper_bound": 0.0, "buckets": []any{map[string]any{"key": "gold", "doc_count": 4.0}}},
		"sizes": map[string]any{"buckets": []any{
			map[string]any{"key": "*-1.0", "to": 1.0, "doc_count": 0.0},
			map[string]any{"key": "1.0-100.0", "from": 1.0, "to": 100.0, "doc_count": 2.0, "calls": number(2)},
			map[string]any{"key": "100.0-*", "from": 100.0, "doc_count": 1.0, "calls": number(1)},
		}},
	} {
		if !reflect.DeepEqual(aggs[name], want) {
			t.Errorf("%s are %v, want %v", name, aggs[name], want)
		}
	}
	hits, _ := at(t, found, "hits", "hits").([]any)
	if at(t, hits, 0, "_id") != "b-3" || at(t, hits, 1, "_id") != "b-2" {
		t.Fatalf("hits are %v", hits)
	}
	after, err := json.Marshal(at(t, hits[1], "sort"))
	if err != nil {
		t.Fatal(err)
	}
	if string(after) != `[20,"b-2"]` {
		t.Errorf("the second hit stands at %s", after)
	}
	next := s.script(201, "POST", search, `{"size":1,"sort":[{"response.body.charged.usd":"desc"}],"search_after":`+string(after)+`}`)
	if at(t, next, "hits", "hits", 0, "_id") != "b-1" {
		t.Errorf("behind it comes %v", next)
	}

	// What is outside of the time that is asked for is not found, in bodies neither.
	old := "/v1/search/~/count/events?to=" + url.QueryEscape(ago(time.Hour, time.RFC3339))
	if got := at(t, s.script(201, "POST", old, `{"query":{"exists":{"field":"request.body.sku"}}}`), "count"); got != 0.0 {
		t.Errorf("an hour ago there were %v", got)
	}
	s.script(400, "POST", count, `{"query":{"exists":{"field":"request.body."}}}`)
	s.script(400, "POST", search, `{"sort":[{"user_id":"desc"}]}`)
	s.script(400, "POST", search, `{"sort":[{"request.body.total":"desc"}],"search_after":["x","y"]}`)
}
