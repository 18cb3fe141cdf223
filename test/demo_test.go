package test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// silentDemo starts the demo without traffic of its own.
func silentDemo(t *testing.T) (gateway string, platform platformAPI) {
	t.Helper()
	listen := "127.0.0.1:" + strconv.Itoa(freePort(t))
	port := strconv.Itoa(freePort(t))
	gateway, platform = "http://127.0.0.1:"+port, platformAPI{"http://" + listen}
	start(t, []string{"KRAKEND_NAME=test"}, []string{"demo", "--no-traffic", "--data", t.TempDir(), "--listen", listen, "-p", port},
		platform.url+"/readyz", gateway+"/__health")
	return gateway, platform
}

// promised is how soon a call shows. The race detector makes everything slower.
var promised = map[bool]time.Duration{false: 3 * time.Second, true: 10 * time.Second}[raceEnabled]

func bearer(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return "Bearer " + encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(claims)) + "."
}

func basic(user string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":x"))
}

func TestACallThroughTheDemoShowsAsAnEventWithinThreeSeconds(t *testing.T) {
	gateway, platform := silentDemo(t)
	for _, c := range []struct {
		name, method, path, header, value, body string
		user, route                             string
		status                                  int
	}{
		{"basic", "GET", "/billing/alice", "Authorization", basic("alice"), "", "alice", "/billing/{user}", 200},
		{"bearer-nested", "GET", "/account", "Authorization", bearer(`{"user":{"id":"bob"}}`), "", "bob", "/account", 200},
		{"bearer-literal", "GET", "/orders/7", "Authorization", bearer(`{"user.id":"carol","user":{"id":"not me"}}`), "", "carol", "/orders/{id}", 200},
		{"plain", "POST", "/orders", "X-User-Id", "dave", `{"items":[{"sku":"1","payment":{"card":"4111111111111111"}}],"password":"open sesame"}`, "dave", "/orders", 200},
		{"failing", "GET", "/legacy", "X-User-Id", "erin", "", "erin", "/legacy", 503},
		{"not found", "GET", "/nowhere", "X-User-Id", "frank", "", "frank", "", 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, gateway+c.path+"?company=acme", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set(c.header, c.value)
			req.Header.Set("Content-Type", "application/json")
			before := time.Now()
			if status, body := fetch(t, req); status != c.status {
				t.Fatalf("the gateway answered %d, want %d: %s", status, c.status, body)
			}
			took := time.Since(before)

			var got event
			eventually(t, promised, "the event of "+c.user, func() bool {
				page, _ := platform.events(t, url.Values{"user_id": {c.user}})
				if len(page) == 0 {
					return false
				}
				got = page[0]
				return true
			})
			if got.CompanyID != "acme" || got.Metadata.Gatemeter.Route != c.route || got.Response.Status != c.status || got.Request.Verb != c.method {
				t.Errorf("got company %q, route %q, status %d, verb %s", got.CompanyID, got.Metadata.Gatemeter.Route, got.Response.Status, got.Request.Verb)
			}
			if got.Metadata.KrakenD["service"] != "shop" {
				t.Errorf("the configured metadata is %v", got.Metadata.KrakenD)
			}
			if d := duration(t, got); d < 0 || d > took {
				t.Errorf("the event took %s, the client saw %s", d, took)
			}
			if c.header == "Authorization" && got.Request.Headers["Authorization"] != "*****" {
				t.Errorf("Authorization is %q, want it masked", got.Request.Headers["Authorization"])
			}
			if c.status == 200 && len(got.Response.Body) == 0 {
				t.Error("the response body is missing")
			}
			for _, secret := range []string{"4111111111111111", "open sesame"} {
				if strings.Contains(string(got.Request.Body)+string(got.Response.Body), secret) && c.body != "" {
					t.Errorf("%q left in clear: %s %s", secret, got.Request.Body, got.Response.Body)
				}
			}
			if c.body != "" && string(got.Request.Body) != `{"items":[{"sku":"1","payment":{"card":"*****"}}],"password":"*****"}` {
				t.Errorf("the request body is %s", got.Request.Body)
			}
		})
	}
	eventually(t, promised, "all of them stored", func() bool { return platform.pipeline(t).Stored == 6 })
}

func duration(t *testing.T, e event) time.Duration {
	t.Helper()
	from, err := time.Parse(time.RFC3339Nano, e.Request.Time)
	if err != nil {
		t.Fatal(err)
	}
	to, err := time.Parse(time.RFC3339Nano, e.Response.Time)
	if err != nil {
		t.Fatal(err)
	}
	return to.Sub(from)
}

func TestBusyPortNamesTheFlag(t *testing.T) {
	_, platform := silentDemo(t)
	busy := strings.TrimPrefix(platform.url, "http://")
	for _, args := range [][]string{
		{"platform", "--data", t.TempDir(), "--listen", busy},
	} {
		p := start(t, nil, args)
		if err := <-p.exited; err == nil {
			t.Errorf("gatemeter %v started on a busy port", args)
		}
		p.ended = true
		if out := p.output(); !strings.Contains(out, "--listen") || !strings.Contains(out, busy) {
			t.Errorf("gatemeter %v says %q: want the address and the flag", args, out)
		}
	}
}
