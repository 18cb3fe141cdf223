package rules_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/rules"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func documents(t *testing.T, r *rules.Rules) *rules.Documents {
	t.Helper()
	d, err := r.Of(access.Application{Number: 3, ID: "app"})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func get(r *rules.Rules, d rules.Document, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, "/v1/config", nil)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	r.Serve(w, req, d)
	return w
}

func TestDocumentsHaveEveryKeyAndNoNull(t *testing.T) {
	r := rules.New()
	d := documents(t, r)
	if got := get(r, d.Rules).Body.String(); got != "[]" {
		t.Errorf("rules are %s, want a bare empty array", got)
	}
	var config map[string]any
	if err := json.Unmarshal(get(r, d.Config).Body.Bytes(), &config); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"org_id", "app_id", "sample_rate", "block_bot_traffic", "user_sample_rate", "company_sample_rate", "user_rules",
		"company_rules", "ip_addresses_blocked_by_name", "regex_config", "billing_config_jsons",
	} {
		if config[key] == nil {
			t.Errorf("%s is missing or null", key)
		}
	}
	if config["app_id"] != "1:3" {
		t.Errorf("app_id is %v", config["app_id"])
	}
}

func TestTagsAreStable(t *testing.T) {
	a, b := documents(t, rules.New()), documents(t, rules.New())
	if a.Tags != b.Tags || a.Tags.Config == a.Tags.Rules {
		t.Errorf("got %v and %v", a.Tags, b.Tags)
	}
}

func TestKnownTagOrETagIsNotModified(t *testing.T) {
	r := rules.New()
	d := documents(t, r).Config
	for header, want := range map[string]int{
		"":                           200,
		"other":                      200,
		`"other"`:                    200,
		d.Tag:                        304,
		`"` + d.Tag + `"`:            304,
		`W/"` + d.Tag + `"`:          304,
		d.ETag:                       304,
		`"x", "` + d.ETag + `"`:      304,
		`"` + d.Tag + `","` + `y"  `: 304,
	} {
		w := get(r, d, "If-None-Match", header)
		if w.Code != want {
			t.Errorf("If-None-Match: %s gives %d, want %d", header, w.Code, want)
		}
		if w.Header().Get("ETag") != `"`+d.ETag+`"` {
			t.Errorf("ETag is %s", w.Header().Get("ETag"))
		}
		if (w.Body.Len() == 0) != (want == 304) {
			t.Errorf("%d with %d bytes", w.Code, w.Body.Len())
		}
	}
}

func TestWaitHoldsBackOnlyWhatIsKnown(t *testing.T) {
	for _, c := range []struct {
		prefer, known string
		want          time.Duration
		applied       string
	}{
		{"wait=30", "tag", 30 * time.Second, "wait"},
		{"respond-async, wait=5; x=y", "tag", 5 * time.Second, "wait"},
		{"wait=100000", "tag", 60 * time.Second, "wait"},
		{"wait=30", "etag", 30 * time.Second, "wait"},
		{"wait=30", "old and etag", 0, "wait"},
		{"wait=30", "", 0, "wait"},
		{"wait=x", "tag", 0, ""},
		{"", "tag", 0, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := rules.New()
			d := documents(t, r).Config
			known := map[string]string{"tag": d.Tag, "etag": d.ETag, "old and etag": `"old", "` + d.ETag + `"`}[c.known]
			start := time.Now()
			w := get(r, d, "Prefer", c.prefer, "If-None-Match", known)
			if got := time.Since(start); got != c.want {
				t.Errorf("%q with %q: held back %v, want %v", c.prefer, c.known, got, c.want)
			}
			if got := w.Header().Get("Preference-Applied"); got != c.applied {
				t.Errorf("%q: Preference-Applied is %q, want %q", c.prefer, got, c.applied)
			}
		})
	}
}

func TestCloseEndsEveryWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rules.New()
		d := documents(t, r).Rules
		done := make(chan int)
		go func() { done <- get(r, d, "Prefer", "wait=60", "If-None-Match", d.Tag).Code }()
		synctest.Wait()
		start := time.Now()
		r.Close()
		if code := <-done; code != 304 || time.Since(start) != 0 {
			t.Errorf("got %d after %v", code, time.Since(start))
		}
	})
}

func FuzzRequestHeadersNeverFail(f *testing.F) {
	f.Add(`W/"a", b`, "wait=1;x")
	f.Add(`"`, `wait="`)
	f.Fuzz(func(t *testing.T, known, prefer string) {
		r := rules.New()
		r.Close()
		d := documents(t, r).Rules
		if w := get(r, d, "If-None-Match", known, "Prefer", prefer); w.Code != 200 && w.Code != 304 {
			t.Errorf("got %d", w.Code)
		}
	})
}
