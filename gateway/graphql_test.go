package gateway

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// graphed is a POST and a GET endpoint in front of a GraphQL backend.
func graphed(t *testing.T, host, method, block string) *running {
	t.Helper()
	return runFile(t, host, `{"version": 3, "host": ["HOST"], "timeout": "10s", "extra_config": {"router": {"return_error_msg": true}}, "endpoints": [
		{"endpoint": "/hero/{id}", "method": "POST", "output_encoding": "no-op", "input_query_strings": ["lang"],
		 "backend": [{"url_pattern": "/graphql?v=1", "method": "`+method+`", "extra_config": {"backend/graphql": `+block+`}}]},
		{"endpoint": "/hero/{id}", "output_encoding": "no-op", "input_query_strings": ["lang"],
		 "backend": [{"url_pattern": "/graphql?v=1", "method": "`+method+`", "extra_config": {"backend/graphql": `+block+`}}]}]}`)
}

func TestAGraphQLServerIsAskedInTheBodyOrTheQueryString(t *testing.T) {
	host := upstream(t, tellSeen)
	file := filepath.Join(t.TempDir(), "hero.graphql")
	if err := os.WriteFile(file, []byte("{ hero }"), 0o600); err != nil {
		t.Fatal(err)
	}
	const mutation = `{"type": "mutation", "query": "m", "variables": {"id": "{id}", "n": 1, "note": "{not a name}"}}`
	for _, c := range []struct {
		method, block, route, body string
		sees                       string // a body, or a query string
	}{
		{"POST", `{"type": "query", "query": "{ hero(id: $id) }", "variables": {"id": "{id}", "deep": {"a": [1]}}, "operationName": "Hero"}`, "GET /hero/a%20b?lang=de", "",
			`{"query":"{ hero(id: $id) }","operationName":"Hero","variables":{"deep":{"a":[1]},"id":"a b"}}`},
		{"POST", `{"type": "query", "query_path": ` + strconv.Quote(file) + `}`, "GET /hero/1?lang=de", "", `{"query":"{ hero }"}`},
		{"PUT", `{"type": "query", "query": "q"}`, "POST /hero/1?lang=de", "not looked at", `{"query":"q"}`},
		{"POST", mutation, "POST /hero/7?lang=de", "", `{"query":"m","variables":{"id":"7","n":1,"note":"{not a name}"}}`},
		{"POST", mutation, "POST /hero/7?lang=de", `{"n":12345678901234567890,"name":"ann"}`, `{"query":"m","variables":{"id":"7","n":12345678901234567890,"name":"ann","note":"{not a name}"}}`},
		{"GET", `{"type": "query", "query": "{ hero }", "variables": {"id": "{id}"}, "operationName": "Hero"}`, "GET /hero/7?lang=de", "",
			url.Values{"v": {"1"}, "lang": {"de"}, "query": {"{ hero }"}, "operationName": {"Hero"}, "variables": {`{"id":"7"}`}}.Encode()},
		{"GET", mutation, "POST /hero/7?lang=de", `{"name":"ann"}`,
			url.Values{"v": {"1"}, "lang": {"de"}, "query": {"m"}, "variables": {`{"id":"7","n":1,"name":"ann","note":"{not a name}"}`}}.Encode()},
	} {
		got := graphed(t, host, c.method, c.block).see(t, c.route, c.body, "Content-Type: text/x")
		method, body, uri := http.MethodPost, c.sees, "/graphql?v=1&lang=de"
		if c.method == http.MethodGet {
			method, body, uri = http.MethodGet, "", "/graphql?"+c.sees
		}
		if got.Method != method || got.Body != body || got.URI != uri || got.Length != int64(len(body)) || got.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s:\n got %+v\nwant %s %s %s", c.route, c.block, got, method, uri, body)
		}
	}
}

func TestABodyThatHoldsNoVariablesIsA500(t *testing.T) {
	g := graphed(t, "http://127.0.0.1:1", "POST", `{"type": "mutation", "query": "m"}`)
	if got := g.send(t, "POST /hero/1", `[1]`); got.StatusCode != http.StatusInternalServerError || got.Text != "graphql: the body must be a JSON object of variables" {
		t.Errorf("got %d %q", got.StatusCode, got.Text)
	}
	if got := g.send(t, "POST /hero/1", strings.Repeat(" ", 11<<20)); got.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d %q", got.StatusCode, got.Text)
	}
}
