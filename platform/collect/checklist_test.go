package collect_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// The lines of Moesif wire, section 0, that no other test of this package is about.

// 0.1: kong and litellm send again for ever what is not answered with 201.
func TestEveryPostIsAnsweredWith201(t *testing.T) {
	f := setUp(t)
	for path, item := range map[string]string{
		"/v1/events": call(now, ""), "/v1/actions": `{"action_name":"x","request":{"uri":"https://a.test/"}}`,
		"/v1/users": `{"user_id":"u"}`, "/v1/companies": `{"company_id":"c"}`, "/v1/subscriptions": `{"subscription_id":"s","company_id":"c"}`,
	} {
		f.want(f.post(path, item), http.StatusCreated)
		f.want(f.post(path+"/batch", "["+item+"]"), http.StatusCreated)
		f.want(f.post(path+"/batch", "[]"), http.StatusCreated)
	}
}

// 0.4: SDKs walk the rules without looking whether they are a list.
func TestWithoutRulesTheyAreAnEmptyListAndTheConfigurationHasEveryKey(t *testing.T) {
	f := setUp(t)
	if w := f.do(http.MethodGet, "/v1/rules", ""); w.Body.String() != "[]" {
		t.Errorf("rules are %s", w.Body)
	}
	var config map[string]any
	if err := json.Unmarshal(f.do(http.MethodGet, "/v1/config", "").Body.Bytes(), &config); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"org_id", "app_id", "sample_rate", "user_rules", "company_rules", "regex_config", "ip_addresses_blocked_by_name"} {
		if config[key] == nil {
			t.Errorf("%s is missing: %v", key, config)
		}
	}
}

// 0.8: go sends pointers to empty strings for what is not there.
func TestEmptyIsAbsent(t *testing.T) {
	f := setUp(t)
	f.want(f.post("/v1/events", `{"request":{"time":"`+now+`","uri":"https://api.test/a","verb":"GET","headers":{},"transfer_encoding":"","ip_address":""},
		"response":{"time":"`+now+`","status":200,"headers":{},"transfer_encoding":""},"user_id":"","company_id":"","subscription_id":"","session_token":"","transaction_id":"","direction":"","tags":""}`), http.StatusCreated)
	data := string(f.journal.last(t).Entries[0].Data)
	for _, key := range []string{"user_id", "company_id", "subscription_id", "session_token", "transfer_encoding", "direction"} {
		if strings.Contains(data, `"`+key+`"`) {
			t.Errorf("%s is kept: %s", key, data)
		}
	}
	if e := f.journal.event(t, 0); f.journal.last(t).Entries[0].ID != "" || e.Request.IPAddress != "198.51.100.9" || len(e.TransactionID) != 36 {
		t.Errorf("got %+v", e)
	}
}

// 0.9: litellm sends the tag bare, browsers the ETag quoted; a wait of our own clients
// is honoured beside it.
func TestTagsComeBackInAnyForm(t *testing.T) {
	f := setUp(t)
	for path, tag := range map[string]string{"/v1/config": f.docs.Tags.Config, "/v1/rules": f.docs.Tags.Rules} {
		etag := f.do(http.MethodGet, path, "").Header().Get("ETag")
		for _, known := range []string{tag, `"` + tag + `"`, `W/"` + tag + `"`, etag, strings.Trim(etag, `"`), `"other", "` + tag + `"`} {
			if w := f.do(http.MethodGet, path, "", "If-None-Match", known); w.Code != http.StatusNotModified || w.Body.Len() > 0 {
				t.Errorf("%s: %s: got %d", path, known, w.Code)
			}
		}
		if w := f.do(http.MethodGet, path, "", "If-None-Match", "other"); w.Code != http.StatusOK || w.Header().Get("Preference-Applied") != "" {
			t.Errorf("%s: another tag: got %d", path, w.Code)
		}
		w := f.do(http.MethodGet, path, "", "If-None-Match", tag, "Prefer", "wait=0")
		if w.Code != http.StatusNotModified || w.Header().Get("Preference-Applied") != "wait" {
			t.Errorf("%s: got %d, %q", path, w.Code, w.Header().Get("Preference-Applied"))
		}
	}
}

// 2.1: profiles are merged recursively.
func TestProfilesAreMergedAtEveryDepth(t *testing.T) {
	f := setUp(t)
	f.want(f.post("/v1/users/batch", `[{"user_id":"u","metadata":{"plan":{"name":"gold","limit":1},"name":"Ada"}},
		{"user_id":"u","metadata":{"plan":{"limit":2}}}]`), http.StatusCreated)
	u, err := f.customers.User(t.Context(), f.app.ID, "u")
	if err != nil {
		t.Fatal(err)
	}
	metadata, err := json.Marshal(u.Metadata)
	if want := `{"name":"Ada","plan":{"limit":2,"name":"gold"}}`; err != nil || string(metadata) != want {
		t.Errorf("got %s (%v), want %s", metadata, err, want)
	}
}
