package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// governanceRule is a rule as the console's API has it.
type governanceRule struct {
	ID                    string       `json:"id,omitempty"`
	Name                  string       `json:"name"`
	Type                  string       `json:"type"`
	Enabled               bool         `json:"enabled"`
	Block                 bool         `json:"block"`
	AppliedTo             string       `json:"applied_to,omitempty"`
	AppliedToUnidentified bool         `json:"applied_to_unidentified,omitempty"`
	Variables             []variable   `json:"variables,omitempty"`
	RegexConfig           []conditions `json:"regex_config,omitempty"`
	Response              ruleResponse `json:"response"`
	Customers             []member     `json:"customers,omitempty"`
}

type variable struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

type conditions struct {
	Conditions []condition `json:"conditions"`
}

type condition struct {
	Path  string `json:"path"`
	Value string `json:"value"`
}

type ruleResponse struct {
	Status  int               `json:"status,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

type member struct {
	ID     string            `json:"id"`
	Values map[string]string `json:"values,omitempty"`
}

// addRule returns the rule with its id.
func (p platformAPI) addRule(t *testing.T, u governanceRule) governanceRule {
	t.Helper()
	p.do(t, http.MethodPost, "/api/v1/rules", u, http.StatusCreated, &u)
	return u
}

func (p platformAPI) changeRule(t *testing.T, u governanceRule) {
	t.Helper()
	p.do(t, http.MethodPut, "/api/v1/rules/"+u.ID, u, http.StatusOK, &u)
}

// overQuota blocks everybody.
var overQuota = governanceRule{
	Name: "Nobody for now", Type: "regex", Enabled: true, Block: true,
	Response: ruleResponse{Status: 429, Headers: map[string]string{"X-Quota": "used up"}, Body: json.RawMessage(`{"error":"over quota"}`)},
}

// inForceWithin is how soon every gateway enforces a rule that was switched on:
// far from the 30 s after which it asks by itself. The race detector makes
// everything slower.
var inForceWithin = map[bool]time.Duration{false: time.Second, true: 3 * time.Second}[raceEnabled]

// status is what the gateway answers now; 0 for nothing.
func (g *gateway) status() int {
	resp, err := http.Get(g.url + "/things/1")
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// wantInForce wants every gateway to answer with status soon after change.
func wantInForce(t *testing.T, gateways []*gateway, status int, change func()) {
	t.Helper()
	took := make([]time.Duration, len(gateways))
	var wait sync.WaitGroup
	begun := time.Now()
	change()
	for i, g := range gateways {
		wait.Go(func() {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for time.Since(begun) < time.Minute {
				if g.status() == status {
					took[i] = time.Since(begun)
					return
				}
				<-tick.C
			}
			took[i] = time.Minute
		})
	}
	wait.Wait()
	t.Logf("answers are %d after %v", status, took)
	for i, d := range took {
		if d > inForceWithin {
			t.Errorf("gateway %d answers with %d after %s, want at most %s", i, status, d, inForceWithin)
		}
	}
}

func TestARuleSwitchedOnIsEnforcedByEveryGatewayWithinASecondAndStaysWithoutThePlatform(t *testing.T) {
	h := openPlatform(t)
	cache := t.TempDir()
	backend := openUpstream(t)
	var gateways []*gateway
	for i := range 3 {
		gateways = append(gateways, openGateway(t, gatewayOptions{
			platform: h.platform, upstream: backend,
			// Nothing is pushed meanwhile: answers to pushes say too that there are other rules.
			block: map[string]any{"should_skip": "true"},
			env:   []string{fmt.Sprintf("GATEMETER_RULES_CACHE=%s/rules-%d.json", cache, i)},
		}))
	}
	for i, g := range gateways {
		if status := g.status(); status != http.StatusOK {
			t.Fatalf("without rules gateway %d answers with %d", i, status)
		}
	}

	var u governanceRule
	on := func() { u = h.platform.addRule(t, overQuota) }
	switched := func(enabled bool) func() {
		return func() { u.Enabled = enabled; h.platform.changeRule(t, u) }
	}
	wantInForce(t, gateways, http.StatusTooManyRequests, on)
	wantInForce(t, gateways, http.StatusOK, switched(false))
	wantInForce(t, gateways, http.StatusTooManyRequests, switched(true))

	h.platformProcess.kill(t)
	for i, g := range gateways {
		eventually(t, 30*time.Second, "the gateway to miss the platform", func() bool {
			return strings.Contains(g.process.output(), "the last good rules stay in force")
		})
		if status := g.status(); status != http.StatusTooManyRequests {
			t.Errorf("without the platform gateway %d answers with %d", i, status)
		}
	}
	for i, g := range gateways {
		g.process.terminate(t)
		g.start(t)
		if status := g.status(); status != http.StatusTooManyRequests {
			t.Errorf("started without the platform gateway %d answers with %d", i, status)
		}
	}
}

// counted is a backend that knows how often it was asked.
func counted(t *testing.T) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func TestABlockedCallNeverReachesTheBackendAndIsStoredAsRefused(t *testing.T) {
	h := openPlatform(t)
	backend, asked := counted(t)
	rule := overQuota
	rule.Type, rule.Customers = "user", []member{{ID: "mallory"}}
	rule = h.platform.addRule(t, rule)
	h.gateway = openGateway(t, gatewayOptions{platform: h.platform, upstream: backend})

	call := func(user string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+"/things/7", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-User-Id", user)
		status, body := fetch(t, req)
		return status, string(body)
	}
	eventually(t, 30*time.Second, "the rule in force", func() bool {
		return h.series(t)["gatemeter_rules"] == 1
	})
	const blocked, passed = 20, 5
	for range blocked {
		if status, body := call("mallory"); status != http.StatusTooManyRequests || body != `{"error":"over quota"}` {
			t.Fatalf("a call that is blocked gets %d %s", status, body)
		}
	}
	for range passed {
		if status, _ := call("alice"); status != http.StatusOK {
			t.Fatalf("a call of another user gets %d", status)
		}
	}
	if n := asked.Load(); n != passed {
		t.Errorf("the backend was asked %d times, %d calls were not blocked", n, passed)
	}
	if n := h.series(t)[`gatemeter_governed_requests_total{action="block"}`]; n != blocked {
		t.Errorf("the gateway counts %v blocked calls, want %d", n, blocked)
	}

	eventually(t, 20*time.Second, "every call stored", func() bool { return h.platform.pipeline(t).Stored == blocked+passed })
	events, _ := h.platform.events(t, url.Values{"user_id": {"mallory"}})
	if len(events) != blocked {
		t.Errorf("%d blocked calls are stored, want %d", len(events), blocked)
	}
	for _, e := range events {
		if e.BlockedBy != rule.ID || e.Metadata.Gatemeter.Refused != "blocked" || e.Response.Status != http.StatusTooManyRequests {
			t.Errorf("stored with blocked_by %q, refused %q, status %d", e.BlockedBy, e.Metadata.Gatemeter.Refused, e.Response.Status)
		}
	}
	events, _ = h.platform.events(t, url.Values{"user_id": {"alice"}})
	for _, e := range events {
		if e.BlockedBy != "" || e.Metadata.Gatemeter.Refused != "" {
			t.Errorf("a call that went through is stored with blocked_by %q, refused %q", e.BlockedBy, e.Metadata.Gatemeter.Refused)
		}
	}
}
