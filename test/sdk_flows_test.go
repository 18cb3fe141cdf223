package test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// sdkRules are in force before the SDK starts: it asks for rules then, and after
// that once a minute.
var sdkRules = map[string]governanceRule{
	"ready": { // tells that the SDK has the rules, and who is in their cohorts
		Type: "user", Block: true, Customers: []member{{ID: "probe"}}, Response: ruleResponse{Status: 503},
	},
	"over quota": {
		Type: "user", Block: true, Customers: []member{{ID: "mallory", Values: map[string]string{"0": "free \"plan\"", "1": "100"}}},
		Variables: []variable{{Name: "0", Path: "metadata.plan"}, {Name: "1", Path: "metadata.limit"}},
		Response: ruleResponse{
			Status: 429, Headers: map[string]string{"X-Limit": "{{1}}"},
			Body: json.RawMessage(`{"error":"{{0}} is used up","hints":["limit {{1}}","{{2|ask sales}}"]}`),
		},
	},
	"old version": {Type: "company", Customers: []member{{ID: "analytical"}}, Response: ruleResponse{Headers: map[string]string{"X-Deprecated": "soon"}}},
	"no drops": {
		Type: "regex", Block: true, RegexConfig: []conditions{{[]condition{{"request.verb", "^POST$"}, {"request.body.operation", "^drop$"}}}},
		Response: ruleResponse{Status: 403, Body: json.RawMessage(`"dropping is not for you"`)},
	},
	"who are you": {
		Type: "user", Block: true, AppliedTo: "matching", AppliedToUnidentified: true, RegexConfig: []conditions{{[]condition{{"request.route", "/private"}}}},
		Response: ruleResponse{Status: 401, Body: json.RawMessage(`{"error":"sign in"}`)},
	},
}

// sdkCall is a call, what comes back, and what is stored of it.
type sdkCall struct {
	name, verb, path    string
	user, company       string
	headers             map[string]string
	body                string
	status              int
	answer              string // JSON; "" is not looked at
	want                map[string]string
	by                  string // the rule that blocks it
	stored, storedReply string // bodies as JSON; "" is not looked at
}

var sdkCalls = []sdkCall{
	{name: "read", verb: "GET", path: "/early/orders/17?full=1", user: "ada", company: "analytical", status: 200, want: map[string]string{"X-Deprecated": "soon"}, storedReply: `{"verb":"GET","body":null}`},
	{name: "parsed before the SDK", verb: "POST", path: "/late/orders", user: "ada", body: `{"item":"tea","password":"secret"}`, status: 200, answer: `{"verb":"POST","body":{"item":"tea","password":"secret"}}`},
	{name: "parsed behind the SDK", verb: "POST", path: "/early/orders", user: "ada", body: `{"item":"tea","n":2}`, status: 200, answer: `{"verb":"POST","body":{"item":"tea","n":2}}`, stored: `{"item":"tea","n":2}`},
	{name: "failing", verb: "DELETE", path: "/early/broken", user: "ada", status: 500},
	{name: "anonymous", verb: "GET", path: "/early/orders", status: 200},
	{name: "secret header", verb: "GET", path: "/early/orders", user: "ada", headers: map[string]string{"Authorization": "Bearer s3cr3t"}, status: 200},
	{name: "merge tags", verb: "GET", path: "/late/orders", user: "mallory", status: 429, want: map[string]string{"X-Limit": "100"},
		answer: `{"error":"free \"plan\" is used up","hints":["limit 100","ask sales"]}`, by: "over quota"},
	{name: "body rule", verb: "POST", path: "/late/orders", user: "ada", body: `{"operation":"drop"}`, status: 403, answer: `"dropping is not for you"`, by: "no drops", stored: `{"operation":"drop"}`},
	{name: "body rule that does not match", verb: "POST", path: "/late/orders", user: "ada", body: `{"operation":"read"}`, status: 200},
	{name: "unidentified", verb: "GET", path: "/early/private", status: 401, answer: `{"error":"sign in"}`, by: "who are you"},
	{name: "identified", verb: "GET", path: "/early/private", user: "ada", status: 200},
}

// Moesif's Node SDK, in express and in plain http, passes its flows against the
// platform: capture, identify, govern.
func TestMoesifsNodeSDKPassesItsFlows(t *testing.T) {
	installSDK(t)
	for _, framework := range []string{"express4", "express5", "http"} {
		t.Run(framework, func(t *testing.T) { testSDKFlows(t, framework) })
	}
}

func testSDKFlows(t *testing.T, framework string) {
	h := openPlatform(t)
	ids := map[string]string{"": ""}
	for name, u := range sdkRules {
		u.Name, u.Enabled = name, true
		ids[name] = h.platform.addRule(t, u).ID
	}
	var config map[string]any
	h.platform.do(t, http.MethodPut, "/api/v1/config", map[string]any{"sample_rate": 100, "user_sample_rate": map[string]int{"sampled": 50, "muted": 0}}, http.StatusOK, &config)
	urls := startSDK(t, h.platform, "flows.mjs", "FRAMEWORK="+framework)
	api, control := urls[0], urls[1]

	request := func(c sdkCall) *http.Request {
		req, err := http.NewRequestWithContext(t.Context(), c.verb, api+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		headers := map[string]string{"X-User-Id": c.user, "X-Company-Id": c.company, "X-Case": c.name, "X-Session": "s-" + c.name}
		if c.body != "" {
			headers["Content-Type"] = "application/json"
		}
		for name, value := range c.headers {
			headers[name] = value
		}
		for name, value := range headers {
			if value != "" {
				req.Header.Set(name, value)
			}
		}
		return req
	}
	probes := int64(0)
	eventually(t, 30*time.Second, "the rules in force", func() bool {
		probes++
		status, _ := fetch(t, request(sdkCall{name: "probe", verb: "GET", path: "/early/x", user: "probe"}))
		return status == http.StatusServiceUnavailable
	})
	for _, c := range sdkCalls {
		resp, err := http.DefaultClient.Do(request(c))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(resp.Body); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.status || c.answer != "" && !sameJSON(t, b.Bytes(), []byte(c.answer)) {
			t.Errorf("%s: answered with %d %s, want %d %s", c.name, resp.StatusCode, b.String(), c.status, c.answer)
		}
		for name, value := range c.want {
			if got := resp.Header.Get(name); got != value {
				t.Errorf("%s: %s: %q, want %q", c.name, name, got, value)
			}
		}
	}

	// Half of a user's calls are sent, each of them standing for two; none of another's.
	const sampled = 60
	for range sampled {
		fetch(t, request(sdkCall{name: "sampled", verb: "GET", path: "/early/x", user: "sampled"}))
		fetch(t, request(sdkCall{name: "muted", verb: "GET", path: "/early/x", user: "muted"}))
	}
	// What comes last: everything else is in its batch, or in one before.
	fetch(t, request(sdkCall{name: "last", verb: "GET", path: "/early/x", user: "last"}))
	checkIdentified(t, h.platform, control)
	const actions = 3
	stored := func(user string) []row { return h.platform.rows(t, url.Values{"user_id": {user}}) }
	eventually(t, 20*time.Second, "every call and action stored, and about half of a user's", func() bool {
		if len(stored("last")) != 1 {
			return false
		}
		weight := 0
		list := stored("sampled")
		for _, e := range list {
			weight += e.Weight
		}
		// Six standard deviations of a binomial distribution.
		return weight >= sampled-46 && weight <= sampled+46 && h.platform.pipeline(t).Stored == probes+int64(len(sdkCalls))+1+actions+int64(len(list))
	})
	for _, e := range stored("sampled") {
		if e.Weight != 2 {
			t.Errorf("a call of a user of whom half is sent has the weight %d", e.Weight)
		}
	}
	if n := len(stored("muted")); n != 0 {
		t.Errorf("%d calls of a user of whom none is sent are stored", n)
	}
	checkCaptured(t, h.platform, ids)
	checkHooked(t, h.platform)

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, control, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if _, faults := fetch(t, req); string(faults) != "[]" {
		t.Errorf("the SDK complains: %s", faults)
	}
}

// checkCaptured looks at what is stored of sdkCalls.
func checkCaptured(t *testing.T, platform platformAPI, ids map[string]string) {
	t.Helper()
	found := map[string]event{}
	events, _ := platform.events(t, url.Values{"limit": {"1000"}})
	for _, e := range events {
		found[e.Request.Headers["x-case"]] = e
	}
	for _, c := range sdkCalls {
		e, ok := found[c.name]
		if !ok {
			t.Errorf("%s: not stored", c.name)
			continue
		}
		if e.BlockedBy != ids[c.by] || e.Response.Status != c.status || e.UserID != c.user || e.CompanyID != c.company || e.Request.Verb != c.verb ||
			!strings.HasSuffix(e.Request.URI, c.path) || e.TransactionID == "" {
			t.Errorf("%s: stored with blocked_by %q (want %q), status %d, user %q, company %q, %s %s", c.name, e.BlockedBy, ids[c.by], e.Response.Status, e.UserID, e.CompanyID, e.Request.Verb, e.Request.URI)
		}
		if c.stored != "" && !sameJSON(t, e.Request.Body, []byte(c.stored)) {
			t.Errorf("%s: stored with the body %s, want %s", c.name, e.Request.Body, c.stored)
		}
		if reply := c.answer; c.by != "" && !sameJSON(t, e.Response.Body, []byte(reply)) {
			t.Errorf("%s: stored with the answer %s, want %s", c.name, e.Response.Body, reply)
		}
		if c.storedReply != "" && !sameJSON(t, e.Response.Body, []byte(c.storedReply)) {
			t.Errorf("%s: stored with the answer %s, want %s", c.name, e.Response.Body, c.storedReply)
		}
		if strings.Contains(e.Request.Headers["authorization"], "s3cr3t") || bytes.Contains(e.Request.Body, []byte("secret")) {
			t.Errorf("%s: a secret is stored: %q %s", c.name, e.Request.Headers["authorization"], e.Request.Body)
		}
	}
}

// checkHooked looks at what the SDK's hooks have added.
func checkHooked(t *testing.T, platform platformAPI) {
	t.Helper()
	var answer struct {
		Events []struct {
			Request struct {
				APIVersion string `json:"api_version"`
			}
			SessionToken string            `json:"session_token"`
			Metadata     map[string]string `json:"metadata"`
		}
	}
	platform.get(t, "/api/v1/events?user_id=ada&q=orders/17", &answer)
	if len(answer.Events) != 1 || answer.Events[0].Request.APIVersion != "2.1" || answer.Events[0].SessionToken != "s-read" || answer.Events[0].Metadata["case"] != "read" {
		t.Errorf("stored is %+v", answer.Events)
	}
}

// checkIdentified makes the SDK tell about customers and looks at what is known then.
func checkIdentified(t *testing.T, platform platformAPI, control string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, control, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	status, outcomes := fetch(t, req)
	if status != http.StatusOK || bytes.Contains(outcomes, []byte("failed")) {
		t.Errorf("telling about customers: %d %s", status, outcomes)
	}
	var user struct {
		CompanyID string `json:"company_id"`
		Metadata  json.RawMessage
	}
	platform.get(t, "/api/v1/users/ada", &user)
	if user.CompanyID != "analytical" || !sameJSON(t, user.Metadata, []byte(`{"name":"Ada","plan":{"name":"gold","seats":3}}`)) {
		t.Errorf("a user who was told about twice is %+v %s", user, user.Metadata)
	}
	var company struct{ Name, Domain string }
	platform.get(t, "/api/v1/companies/analytical", &company)
	if company.Name != "Analytical Engines" || company.Domain != "analytical.example" {
		t.Errorf("a company is %+v", company)
	}
	platform.get(t, "/api/v1/companies/difference", &company)
	if company.Name != "Difference Engines" {
		t.Errorf("a company of a batch is %+v", company)
	}
}

// What the SDK sends with an application id that is not ours is refused, and it says so.
func TestMoesifsNodeSDKSaysThatItsApplicationIDIsRefused(t *testing.T) {
	installSDK(t)
	h := openPlatform(t)
	urls := startSDK(t, h.platform, "flows.mjs", "FRAMEWORK=express5", "APPLICATION_ID="+strings.Repeat("not-ours", 10))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, urls[0]+"/early/x", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := fetch(t, req); status != http.StatusOK {
		t.Errorf("the API suffers from it: %d %s", status, body)
	}
	var faults []struct{ Status int }
	eventually(t, 20*time.Second, "the SDK to complain", func() bool {
		ask, err := http.NewRequestWithContext(t.Context(), http.MethodGet, urls[1], http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		_, body := fetch(t, ask)
		if err := json.Unmarshal(body, &faults); err != nil {
			t.Fatal(err)
		}
		return len(faults) > 0
	})
	if b := h.platform.pipeline(t); b.Received != 0 {
		t.Errorf("something of it was taken: %+v", b)
	}

	// The SDK itself refuses an id that is too short to be one.
	node := exec.Command("node", "flows.mjs")
	node.Dir = "sdk"
	node.Env = append(os.Environ(), "COLLECTOR_URL="+h.platform.url, "APPLICATION_ID=too-short", "FRAMEWORK=http")
	if out, err := node.CombinedOutput(); err == nil || !strings.Contains(string(out), "pplication") {
		t.Errorf("a short application id: %v\n%s", err, out)
	}
}
