package test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif"
)

// A Go program that wraps its handler reports to the platform and is governed by it.
func TestTheGoLibraryReportsToThePlatformAndIsGoverned(t *testing.T) {
	h := openPlatform(t)
	cfg, errs := moesif.ParseConfig(map[string]any{
		"application_id":   h.platform.applicationID(t),
		"user_id_headers":  []any{"X-User-Id"},
		"identify_company": map[string]any{"header": "X-Company-Id"},
		"collector_url":    h.platform.url, "timer_wake_up_seconds": 1, "request_body_masks": []any{"password"},
	})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	integration, err := moesif.New(cfg, moesif.Options{})
	if err != nil {
		t.Fatal(err)
	}
	service := httptest.NewServer(integration.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, `{"path":%q,"bytes":%d}`, r.URL.Path, len(body))
	})))
	closed := false
	finish := func() {
		if closed {
			return
		}
		closed = true
		service.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		if err := integration.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(finish)

	call := func(user, path, body string) (int, http.Header, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, service.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-User-Id", user)
		req.Header.Set("X-Company-Id", "acme")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header, string(answer)
	}
	const passed = 20
	for range passed {
		if status, _, body := call("alice", "/orders/7", `{"password":"s3cr3t","item":"tea"}`); status != http.StatusOK || !strings.Contains(body, `"bytes":34`) {
			t.Fatalf("before there are rules: %d %s", status, body)
		}
	}
	rule := h.platform.addRule(t, governanceRule{
		Name: "No coffee", Type: "user", Enabled: true, Block: true, Customers: []member{{ID: "mallory", Values: map[string]string{"0": "free"}}},
		Variables:   []variable{{Name: "0", Path: "metadata.plan"}},
		RegexConfig: []conditions{{[]condition{{"request.body.item", "^coffee$"}}}},
		Response:    ruleResponse{Status: 402, Headers: map[string]string{"X-Plan": "{{0}}"}, Body: json.RawMessage(`{"error":"not on {{0}}"}`)},
	})
	blocked := 0
	eventually(t, inForceWithin+10*time.Second, "the rule in force", func() bool {
		status, header, body := call("mallory", "/orders/8", `{"item":"coffee"}`)
		if status == http.StatusOK {
			return false
		}
		blocked++
		if status != http.StatusPaymentRequired || header.Get("X-Plan") != "free" || body != `{"error":"not on free"}` {
			t.Errorf("blocked with %d, X-Plan %q, %s", status, header.Get("X-Plan"), body)
		}
		return true
	})
	if status, _, _ := call("mallory", "/orders/9", `{"item":"tea"}`); status != http.StatusOK {
		t.Errorf("a call that the rule does not mean is answered with %d", status)
	}
	finish()

	eventually(t, 20*time.Second, "every call stored", func() bool {
		return len(h.platform.rows(t, url.Values{"user_id": {"alice"}})) == passed
	})
	events, _ := h.platform.events(t, url.Values{"user_id": {"mallory"}, "status": {"402"}})
	if len(events) != blocked || events[0].BlockedBy != rule.ID || events[0].CompanyID != "acme" {
		t.Errorf("%d blocked calls are stored, want %d: %+v", len(events), blocked, events)
	}
	events, _ = h.platform.events(t, url.Values{"user_id": {"alice"}, "limit": {"1"}})
	if !sameJSON(t, events[0].Request.Body, []byte(`{"password":"*****","item":"tea"}`)) {
		t.Errorf("stored with the body %s", events[0].Request.Body)
	}
}
