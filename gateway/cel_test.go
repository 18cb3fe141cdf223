package gateway

import (
	"net/http"
	"strings"
	"testing"
)

const celFile = `{"version": 3, "host": ["HOST"], "timeout": "10s",
	"extra_config": {"router": {"return_error_msg": MESSAGES, "remove_extra_slash": true}},
	"endpoints": [
		{"endpoint": "/user/{id}", "output_encoding": "no-op", "input_headers": ["X-Tenant"], "input_query_strings": ["page"],
		 "backend": [{"url_pattern": "/b/{id}"}],
		 "extra_config": {"validation/cel": [
			{"check_expr": "int(req_params.Id) % 2 == 0"},
			{"check_expr": "'X-Tenant' in req_headers && req_headers['X-Tenant'][0] == 'acme'"},
			{"check_expr": "!('X-Other' in req_headers) && !hasHeader('X-Other')"},
			{"check_expr": "has(req_querystring.page) && !has(req_querystring.other)"},
			{"check_expr": "req_method == 'GET' && req_path.startsWith('/user/')"},
			{"check_expr": "timestamp(now) > timestamp('2020-01-01T00:00:00Z')"},
			{"check_expr": "getHeader('X-Forwarded-For') == '127.0.0.1'"}]}},
		{"endpoint": "/backend/{id}", "method": "POST", "input_headers": ["X-Tenant"],
		 "backend": [{"url_pattern": "/b/{id}?own=1", "method": "PUT", "extra_config": {"validation/cel": [
			{"check_expr": "req_method == 'PUT' && req_path == '/b/' + req_params.Id"},
			{"check_expr": "hasHeader('X-Tenant') && getQuerystring('own') == '1'"}]}}]}]}`

// #N counts the expressions of the phase from 0.
func TestARequestThatAnExpressionDoesNotLikeIsA500(t *testing.T) {
	asked := 0
	host := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = w.Write([]byte(`{}`))
	})
	for _, messages := range []string{"false", "true"} {
		g := runFile(t, host, strings.ReplaceAll(celFile, "MESSAGES", messages))
		before := asked
		for request, text := range map[string]string{
			"GET /user/3?page=1":         "request aborted by evaluator #0",
			"GET /user/ann?page=1":       "request aborted by evaluator #0", // fails at run time
			"GET /user/2?page=1":         "request aborted by evaluator #1",
			"GET /user/2":                "request aborted by evaluator #1",
			"GET /user/2?p=1 X-Tenant":   "request aborted by evaluator #3",
			"POST /backend/2":            "request aborted by evaluator #1",
			"POST /backend/2?own=1":      "request aborted by evaluator #1",
			"POST /backend/a%20b?page=1": "request aborted by evaluator #1",
		} {
			request, tenant, _ := strings.Cut(request, " X-")
			headers := []string{"X-Other: 1"}
			if tenant != "" {
				headers = append(headers, "X-Tenant: acme")
			}
			got := g.send(t, request, "", headers...)
			want, contentType := text, "text/plain; charset=utf-8"
			if messages == "false" {
				want, contentType = "", ""
			}
			if got.StatusCode != http.StatusInternalServerError || got.Text != want || got.Header.Get("Content-Type") != contentType {
				t.Errorf("%s: got %d %q %v", request, got.StatusCode, got.Text, got.Header)
			}
			if got.Header.Get("X-Krakend") != "Version 1.2.3" || got.Header.Get("X-Krakend-Completed") != "false" {
				t.Errorf("%s: headers are %v", request, got.Header)
			}
		}
		if asked != before {
			t.Error("the backend was asked")
		}
		for _, request := range []string{"GET /user/2?page=1&other=1", "GET //user/2?page=1", "POST /backend/a%20b?page=1"} {
			if got := g.send(t, request, "", "X-Tenant: acme", "X-Other: 1"); got.StatusCode != http.StatusOK {
				t.Errorf("%s: got %d %q", request, got.StatusCode, got.Text)
			}
		}
	}
}

// A redirect of the backend is part of the call that was looked at.
func TestABackendsExpressionsAreAskedOncePerCall(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/first" {
			http.Redirect(w, r, "/second", http.StatusFound)
			return
		}
		_, _ = w.Write([]byte(r.URL.Path))
	})
	g := runFile(t, host, `{"version": 3, "host": ["HOST"], "timeout": "10s", "endpoints": [{"endpoint": "/a", "output_encoding": "no-op",
		"backend": [{"url_pattern": "/first", "extra_config": {"validation/cel": [{"check_expr": "req_path == '/first'"}]}}]}]}`)
	if got := g.send(t, "GET /a", ""); got.StatusCode != http.StatusOK || got.Text != "/second" {
		t.Errorf("got %d %q", got.StatusCode, got.Text)
	}
}
