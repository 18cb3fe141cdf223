package gateway

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// layered has a layer of each kind, whose answers tell them apart.
const layered = `{"version": 3, "host": ["HOST"], "timeout": "10s",
	"extra_config": {
		"router": {"return_error_msg": true},
		"security/cors": {"allow_origins": ["https://shop.example"], "allow_methods": ["POST"]},
		"security/http": {"allowed_hosts": ["api.example"], "frame_deny": true},
		"security/bot-detector": {"deny": ["evil"]}},
	"endpoints": [{"endpoint": "/a/{id}", "method": "POST", "backend": [{"url_pattern": "/{id}"}], "extra_config": {
		"security/bot-detector": {"deny": ["unwanted here"]},
		"auth/validator": {"alg": "HS256", "jwk_url": "KEYS", "disable_jwk_security": true, "cache": true, "propagate_claims": [["sub", "X-User"]]},
		"modifier/lua-endpoint": {"pre": "if ctx.load():headers('X-Tea') ~= '' then custom_error('tea', 418) end"},
		"qos/ratelimit/router": {"max_rate": 2, "client_max_rate": 1, "strategy": "header", "key": "x-user"},
		"validation/cel": [{"check_expr": "req_params.Id == '1'"}],
		"validation/json-schema": {"type": "object"}}}]}`

// Each request offends against its layer and those behind it: the outermost answers
// (KrakenD v3, 2.1).
func TestLayersAnswerInKrakenDsOrder(t *testing.T) {
	host, calls := counting(t)
	h := &hand{}
	g := runAs(t, fromFile(t, strings.ReplaceAll(layered, "KEYS", issuer(t)), host), Options{now: h.now})
	const good, served = `{}`, "Host: api.example"
	ann, bob := bearer(t, `{"sub":"ann"}`), bearer(t, `{"sub":"bob"}`)
	h.move(time.Hour)
	for _, step := range []struct {
		layer, request, body string
		headers              []string
		status               int
		text                 string
	}{
		{"CORS", "OPTIONS /a/%2561", "", preflight("https://shop.example", "POST", "User-Agent: evil"), 204, ""},
		{"parameters", "POST /a/%2561", "[]", []string{"User-Agent: evil", "X-Tea: 1"}, 400, "error: encoded url params"},
		{"security/http", "POST /a/2", "[]", []string{"User-Agent: evil", "X-Tea: 1"}, 500, "Bad Host\n"},
		{"bots of the service", "POST /a/2", "[]", []string{served, "User-Agent: evil", "X-Tea: 1"}, 403, ""},
		{"the route, which a bot does not see", "POST /none", "", []string{served, "User-Agent: evil"}, 403, ""},
		{"bots of the endpoint", "POST /a/2", "[]", []string{served, "User-Agent: unwanted here", "X-Tea: 1"}, 403, ""},
		{"auth/validator", "POST /a/2", "[]", []string{served, "X-Tea: 1"}, 401, ""},
		{"modifier/lua-endpoint", "POST /a/2", "[]", []string{served, ann, "X-Tea: 1"}, 418, "tea"},
		{"none", "POST /a/1", good, []string{served, ann}, 200, `{"ok":true}`},
		{"the client's limit", "POST /a/2", "[]", []string{served, ann}, 429, ""},
		{"the client's limit, by the claim and not by what a client says", "POST /a/2", "[]", []string{served, ann, "X-User: cy"}, 429, ""},
		{"validation/cel", "POST /a/2", "[]", []string{served, bob}, 500, "request aborted by evaluator #0"},
		{"the endpoint's limit", "POST /a/2", "[]", []string{served, bearer(t, `{"sub":"cy"}`)}, 503, ""}, // bob's call took a token
	} {
		headers := step.headers
		if step.status != 204 {
			headers = append(headers, "Origin: https://shop.example")
		}
		got := g.send(t, step.request, step.body, headers...)
		if got.StatusCode != step.status || got.Text != step.text {
			t.Errorf("%s: got %d %q, want %d %q", step.layer, got.StatusCode, got.Text, step.status, step.text)
		}
		if got.Header.Get("Access-Control-Allow-Origin") != "https://shop.example" { // CORS stands around all of them
			t.Errorf("%s: no page may read the answer: %v", step.layer, got.Header)
		}
		// security/http speaks of what it has let through.
		if framed := got.Header.Get("X-Frame-Options") == "DENY"; framed != (step.status != 204 && step.status != 400 && step.text != "Bad Host\n") {
			t.Errorf("%s: X-Frame-Options is %q", step.layer, got.Header.Get("X-Frame-Options"))
		}
	}
	h.move(time.Hour)
	if got := g.send(t, "POST /a/1", "[]", served, ann); got.StatusCode != 400 {
		t.Errorf("validation/json-schema, the last: got %d %q", got.StatusCode, got.Text)
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("the backend has %d calls, want that of the good request", n)
	}
}

// A limit sees the header with the claim, though input_headers lets none to the backend
// (KrakenD v3, 3).
func TestPropagatedClaimsReachLimitsBeforeBackends(t *testing.T) {
	seen := make(chan http.Header, 1)
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header
		_, _ = w.Write([]byte(`{}`))
	})
	g := run(t, fromFile(t, strings.ReplaceAll(layered, "KEYS", issuer(t)), host))
	if got := g.send(t, "POST /a/1", `{}`, "Host: api.example", bearer(t, `{"sub":"ann"}`)); got.StatusCode != 200 {
		t.Fatalf("got %d %q", got.StatusCode, got.Text)
	}
	if h := <-seen; h["X-User"] != nil {
		t.Errorf("the backend sees %v", h)
	}
	bare(t, g.send(t, "POST /a/1", `{}`, "Host: api.example", bearer(t, `{"name":"who has no sub"}`)), 429) // its header is empty
}

// Around a call of a backend stand the breaker, the limit, the expressions and the
// cache, in this order (KrakenD v3, 2.1): what one of them refuses the outer ones have
// counted.
func TestLayersAroundABackendAreInKrakenDsOrder(t *testing.T) {
	const (
		breaker = `"qos/circuit-breaker": {"max_errors": 1, "timeout": 60, "interval": 60}`
		rate    = `"qos/ratelimit/proxy": {"max_rate": 1, "capacity": 2}`
		cel     = `"validation/cel": [{"check_expr": "req_params.Id != 'bad'"}]`
		cache   = `"qos/http-cache": {}`

		open    = "circuit breaker is open"
		limited = "rate limit of the backend exceeded"
		aborted = "request aborted by evaluator #0"
	)
	for _, tt := range []struct {
		name, extra string
		paths       []string
		want        []string // part of the text; "" for 200
		calls       int64
	}{
		{"the limit's refusals open the breaker", breaker + "," + rate, []string{"1", "1", "1", "1", "1"}, []string{"", "", limited, limited, open}, 2},
		{"so do an expression's", breaker + "," + cel, []string{"bad", "bad", "1"}, []string{aborted, aborted, open}, 0},
		{"what an expression refuses takes a token", rate + "," + cel, []string{"bad", "bad", "1"}, []string{aborted, aborted, limited}, 0},
		{"so does what the cache answers", rate + "," + cache, []string{"1", "1", "1"}, []string{"", "", limited}, 1},
		{"an expression is asked about it too", cel + "," + cache, []string{"1", "bad"}, []string{"", aborted}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var calls atomic.Int64
			host := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				w.Header().Set("Cache-Control", "max-age=60")
				_, _ = w.Write([]byte(`{}`))
			})
			h := &hand{}
			g := runAs(t, fromFile(t, `{"version": 3, "host": ["HOST"], "timeout": "10s", "extra_config": {"router": {"return_error_msg": true}}, "endpoints": [
				{"endpoint": "/a/{id}", "backend": [{"url_pattern": "/", "extra_config": {`+tt.extra+`}}]}]}`, host), Options{now: h.now})
			for i, path := range tt.paths {
				got := g.send(t, "GET /a/"+path, "")
				if (got.StatusCode == 200) != (tt.want[i] == "") || !strings.Contains(got.Text, tt.want[i]) {
					t.Errorf("call %d: got %d %q, want %q", i, got.StatusCode, got.Text, tt.want[i])
				}
			}
			if n := calls.Load(); n != tt.calls {
				t.Errorf("the backend has %d calls, want %d", n, tt.calls)
			}
		})
	}
}

// Each of the concurrent calls passes the limit on its own.
func TestConcurrentCallsTakeATokenEach(t *testing.T) {
	var calls atomic.Int64
	three := make(chan struct{})
	host := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 3 {
			close(three)
		}
		<-three // an answer would end the calls that have not begun
		_, _ = w.Write([]byte(`{}`))
	})
	h := &hand{}
	g := runAs(t, fromFile(t, `{"version": 3, "host": ["HOST"], "timeout": "10s", "endpoints": [
		{"endpoint": "/a", "concurrent_calls": 3, "backend": [{"url_pattern": "/", "extra_config": {"qos/ratelimit/proxy": {"max_rate": 1, "capacity": 3}}}]}]}`, host), Options{now: h.now})
	for i, want := range []int{200, 500} {
		if got := g.send(t, "GET /a", ""); got.StatusCode != want {
			t.Errorf("request %d: got %d, want %d", i, got.StatusCode, want)
		}
	}
}
