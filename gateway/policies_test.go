package gateway

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/moesif"
)

// policiesFile has endpoints with security/policies; MESSAGES and JWKS are put in.
func policiesFile(messages, jwks, endpoints string) string {
	validator := `"auth/validator": {"alg": "HS256", "jwk_url": "` + jwks + `", "disable_jwk_security": true, "cache": true}`
	return `{"version": 3, "host": ["HOST"], "timeout": "10s", "extra_config": {"router": {"return_error_msg": ` + messages + `}}, "endpoints": [` +
		strings.NewReplacer("POLICIES", `"security/policies"`, "VALIDATOR", validator).Replace(endpoints) + `]}`
}

const policyEndpoints = `
	{"endpoint": "/req/{id}", "input_headers": ["X-Tenant", "Cookie"], "input_query_strings": ["page"], "backend": [{"url_pattern": "/none"}], "extra_config": {POLICIES: {
		"req": {"policies": ["req_params.Id != '0'", "hasHeader('X-Tenant') && getCookie('GDPR') == 'yes'", "int(getQuerystring('page')).between(1, 9)"],
			"error": {"status": 418, "body": "{\"no\":true}", "content_type": "application/json"}}}}},
	{"endpoint": "/default", "backend": [{"url_pattern": "/none"}], "extra_config": {POLICIES: {"req": {"policies": ["true", "req_method == 'PUT'"]}}}},
	{"endpoint": "/resp/{id}", "input_headers": ["X-Tenant"], "backend": [{"url_pattern": "/gzip"}], "extra_config": {POLICIES: {
		"auto_join_policies": true,
		"resp": {"policies": ["resp_completed && resp_data.zipped", "req_params.id == '7' && getHeader('X-Tenant') == 'acme'"], "error": {"status": 451, "body": "not for you"}}}}},
	{"endpoint": "/stream", "output_encoding": "no-op", "backend": [{"url_pattern": "/404"}], "extra_config": {POLICIES: {
		"resp": {"policies": ["resp_metadata_status != 404"], "error": {"status": 502}}}}},
	{"endpoint": "/call/{id}", "backend": [{"url_pattern": "/none?own={id}", "extra_config": {POLICIES: {
		"req": {"policies": ["getQuerystring('own') == '7' && req_params.Id == '7'"], "error": {"status": 403, "body": "seven"}}}}}]},
	{"endpoint": "/called", "backend": [{"url_pattern": "/gzip", "group": "g", "extra_config": {POLICIES: {
		"resp": {"policies": ["!resp_data.g.zipped"], "error": {"status": 503}}}}}]},
	{"endpoint": "/some", "backend": [{"url_pattern": "/gzip"}, {"url_pattern": "/none", "extra_config": {POLICIES: {"req": {"policies": ["false"], "error": {"status": 403}}}}}]},
	{"endpoint": "/both", "backend": [{"url_pattern": "/gzip"}], "extra_config": {
		POLICIES: {"req": {"policies": ["req_method == 'GET'"]}, "resp": {"policies": ["!resp_completed"], "error": {"status": 499}}},
		"validation/cel": [{"check_expr": "req_method == 'GET'"}, {"check_expr": "!has(resp_data.zipped)"}]}}`

// X-Krakend stands on what the endpoint answers; the body is shown where
// router.return_error_msg is on (KrakenD v3, 4.4). Without one of its own it is that of
// validation/cel: chosen, the reference is silent.
func TestPoliciesAnswerAsTheirErrorSays(t *testing.T) {
	host := upstream(t, bodies)
	for _, messages := range []string{"false", "true"} {
		g := runFile(t, host, policiesFile(messages, "", policyEndpoints))
		for _, c := range []struct {
			path      string
			headers   []string
			status    int
			text, typ string
		}{
			{"/req/7?page=2", []string{"X-Tenant: acme", "Cookie: GDPR=yes"}, 200, "", ""},
			{"/req/0?page=2", []string{"X-Tenant: acme", "Cookie: GDPR=yes"}, 418, `{"no":true}`, "application/json"},
			{"/req/7?page=2", []string{"X-Tenant: acme"}, 418, `{"no":true}`, "application/json"},
			{"/req/7?page=10", []string{"X-Tenant: acme", "Cookie: GDPR=yes"}, 418, `{"no":true}`, "application/json"},
			{"/req/7", []string{"X-Tenant: acme", "Cookie: GDPR=yes"}, 418, `{"no":true}`, "application/json"}, // fails at run time
			{"/default", nil, 500, "request aborted by evaluator #1", "text/plain"},
			{"/resp/7", []string{"X-Tenant: acme"}, 200, "", ""},
			{"/resp/8", []string{"X-Tenant: acme"}, 451, "not for you", "text/plain"},
			{"/resp/7", nil, 451, "not for you", "text/plain"},
			{"/stream", nil, 502, "request aborted by evaluator #0", "text/plain"},
			{"/call/7", nil, 200, "", ""},
			{"/call/8", nil, 403, "seven", "text/plain"},
			{"/called", nil, 503, "request aborted by evaluator #0", "text/plain"},
			{"/some", nil, 200, "", ""},
			{"/both", nil, 500, "request aborted by evaluator #0", "text/plain; charset=utf-8"}, // CEL is asked first
		} {
			got := g.send(t, "GET "+c.path, "", c.headers...)
			if got.StatusCode != c.status || got.Header.Get("X-Krakend") != "Version 1.2.3" {
				t.Errorf("%s %v: got %d %q %v, want %d", c.path, c.headers, got.StatusCode, got.Text, got.Header, c.status)
			}
			if messages == "false" {
				c.text, c.typ = "", ""
			}
			if c.status != 200 && (got.Text != c.text || got.Header.Get("Content-Type") != c.typ) {
				t.Errorf("%s %v: got %q %v, want %q", c.path, c.headers, got.Text, got.Header, c.text)
			}
		}
	}
}

const tokenPolicies = `
	{"endpoint": "/plain/{id}", "backend": [{"url_pattern": "/none"}], "extra_config": {VALIDATOR, POLICIES: {"jwt": {"policies": ["JWT.sub == req_params.Id", "has(JWT.role)"]}}}},
	{"endpoint": "/said", "backend": [{"url_pattern": "/none"}], "extra_config": {VALIDATOR, POLICIES: {"jwt": {"policies": ["JWT.role == 'admin'"], "error": {"status": 403, "body": "ask an admin"}}}}},
	{"endpoint": "/call", "backend": [{"url_pattern": "/none", "extra_config": {POLICIES: {"req": {"policies": ["req_method == 'PUT'"], "error": {"status": 403}}}}}]},
	{"endpoint": "/answer", "backend": [{"url_pattern": "/none"}], "extra_config": {POLICIES: {"resp": {"policies": ["resp_metadata_status == 200"]}}}},
	{"endpoint": "/request", "backend": [{"url_pattern": "/none"}], "extra_config": {POLICIES: {"req": {"policies": ["req_method == 'PUT'"], "error": {"status": 200}}}}}`

// A token that is not as the policies want it is a 401 of a guard, and its caller is
// nobody; an error of their own is honoured, and with 403 the caller is known. Whatever
// the status, nothing that a policy refuses is billed.
func TestWhatPoliciesRefuseIsReported(t *testing.T) {
	c := newCollector(t)
	s := serviceOfFile(t, upstream(t, bodies), policiesFile("true", issuer(t), tokenPolicies))
	s.Moesif = c.config()
	g := run(t, s)
	ann := bearer(t, `{"sub":"ann","role":"clerk"}`)
	for _, tt := range []struct {
		path, token   string
		status        int
		text, refused string
		user          string
	}{
		{"/plain/ann", ann, 200, "{}", "", "ann"},
		{"/plain/bob", ann, 401, "", moesif.Unauthenticated, ""},
		{"/plain/bob", bearer(t, `{"sub":"bob"}`), 401, "", moesif.Unauthenticated, ""},
		{"/said", bearer(t, `{"sub":"bob","role":"admin"}`), 200, "{}", "", "bob"},
		{"/said", ann, 403, "ask an admin", moesif.Forbidden, "ann"},
		{"/call", ann, 403, "request aborted by evaluator #0", moesif.Forbidden, "ann"},
		{"/answer", ann, 500, "request aborted by evaluator #0", moesif.Forbidden, "ann"},
		{"/request", ann, 200, "request aborted by evaluator #0", moesif.Forbidden, "ann"},
	} {
		got := g.send(t, "GET "+tt.path, "", tt.token)
		if got.StatusCode != tt.status || got.Text != tt.text {
			t.Errorf("%s: got %d %q %v", tt.path, got.StatusCode, got.Text, got.Header)
		}
		if tt.status == 401 {
			refusal(t, tt.path, got, 401)
		}
		if own := got.Header.Get("X-Krakend") == ""; own != (tt.status == 401 || tt.path == "/said" && tt.status == 403) {
			t.Errorf("%s: headers are %v", tt.path, got.Header)
		}
		e := heard(t, c.events, "the event of "+tt.path)
		if m := e.Metadata.Gatemeter; m.Refused != tt.refused || e.UserID != tt.user || e.Response.Status != tt.status {
			t.Errorf("%s: got %+v", tt.path, e)
		}
	}
}

// debug tells which policy said what, and nothing of what either is about.
func TestPoliciesTellWhatTheyDecideWhereAsked(t *testing.T) {
	log := &lockedLog{}
	s := serviceOfFile(t, upstream(t, bodies), policiesFile("false", "", `
		{"endpoint": "/loud", "input_headers": ["X-Key"], "backend": [{"url_pattern": "/gzip"}], "extra_config": {POLICIES: {"debug": true,
			"req": {"policies": ["req_method == 'GET'", "getHeader('X-Key') == 'swordfish'"]}, "resp": {"policies": ["!resp_completed"]}}}},
		{"endpoint": "/quiet", "backend": [{"url_pattern": "/gzip"}], "extra_config": {POLICIES: {"req": {"policies": ["req_method == 'GET'"]}}}}`))
	g, err := New(s, Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close(t.Context()) })
	host := upstream(t, g.Handler().ServeHTTP)
	for _, path := range []string{"/quiet", "/loud"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, host+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Key", "swordfish")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	said := log.String()
	if strings.Count(said, "policy asked") != 3 || strings.Contains(said, "swordfish") {
		t.Errorf("the log says %s", said)
	}
	for _, want := range []string{
		"policies=endpoints[0].extra_config.security/policies.req number=1 held=true",
		"policies=endpoints[0].extra_config.security/policies.resp number=0 held=false",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the log lacks %s: %s", want, said)
		}
	}
}
