package moesif

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// block reads the JSON text of a block, numbers as json.Number.
func block(t testing.TB, text string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatalf("test data: %v in %s", err, text)
	}
	return m
}

func lines(errs []error) string {
	var b strings.Builder
	for _, err := range errs {
		fmt.Fprintln(&b, err)
	}
	return strings.TrimRight(b.String(), "\n")
}

func TestABlockThatSetsNothingHasTheDocumentedDefaults(t *testing.T) {
	got, errs := ParseConfig(block(t, `{"application_id":"a","user_id_headers":["authorization"]}`))
	want := Config{
		ApplicationID: "a", UserIDHeaders: []string{"Authorization"}, UserIDJWTClaim: "sub",
		BatchSize: 200, TimerWakeUp: 2 * time.Second, EventQueueSize: 1000000, LogBody: true,
		DefaultMasks: true, CollectorURL: "https://api.moesif.net",
		RequestMaxBodySize: 100000, ResponseMaxBodySize: 100000, DrainTimeout: 10 * time.Second,
		SpoolMaxBytes: 1 << 30,
	}
	if len(errs) > 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\n%s\nwant %+v", got, lines(errs), want)
	}
}

func TestEveryKeyIsRead(t *testing.T) {
	got, errs := ParseConfig(block(t, `{
		"@comment": "x", "$schema": "x", "_note": 1, "#": null,
		"application_id": "app", "user_id_headers": ["x-user-id", "Authorization"], "user_id_jwt_claim": "user.id",
		"identify_company": {"@c": 1, "header": "x-tenant"}, "batch_size": 1000, "timer_wake_up_seconds": 1,
		"event_queue_size": 5, "log_body": false, "request_header_masks": ["A"], "response_header_masks": ["B"],
		"request_body_masks": ["c"], "response_body_masks": ["d.e"], "should_skip": " req_method=='GET' ",
		"metadata": {"env": {"name": "prod", "n": 12345678901234567890}}, "debug": true,
		"collector_url": "http://127.0.0.1:9700/", "event_queue_bytes": 1000, "request_max_body_size": 10,
		"response_max_body_size": 0, "drain_timeout": "1m30s", "default_masks": false,
		"spool_dir": "/spool", "spool_max_bytes": 5000000, "rules_cache": "rules.json", "block_listed_ips": true
	}`))
	want := Config{
		ApplicationID: "app", UserIDHeaders: []string{"X-User-Id", "Authorization"}, UserIDJWTClaim: "user.id",
		IdentifyCompany: IdentifyCompany{Header: "X-Tenant"}, BatchSize: 1000, TimerWakeUp: time.Second,
		EventQueueSize: 5, EventQueueBytes: 1000, RequestHeaderMasks: []string{"A"}, ResponseHeaderMasks: []string{"B"},
		RequestBodyMasks: []string{"c"}, ResponseBodyMasks: []string{"d.e"}, ShouldSkip: "req_method=='GET'",
		Metadata: json.RawMessage(`{"env":{"n":12345678901234567890,"name":"prod"}}`), Debug: true,
		CollectorURL: "http://127.0.0.1:9700", RequestMaxBodySize: 10, DrainTimeout: 90 * time.Second,
		SpoolDir: "/spool", SpoolMaxBytes: 5_000_000, RulesCache: "rules.json", BlockListedIPs: true,
	}
	if len(errs) > 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\n%s\nwant %+v", got, lines(errs), want)
	}
}

func TestWeakTypesAreAccepted(t *testing.T) {
	got, errs := ParseConfig(map[string]any{
		"Application_ID": 42, "USER_ID_HEADERS": "X-User", "batch_size": "50", "timer_wake_up_seconds": 3.0,
		"event_queue_size": int64(7), "log_body": "false", "debug": 1, "default_masks": json.Number("0"),
		"request_body_masks": []string{"a"}, "should_skip": []any{}, "metadata": nil, "event_queue_bytes": json.Number("1e6"),
	})
	if len(errs) > 0 {
		t.Fatal(lines(errs))
	}
	if got.ApplicationID != "42" || got.UserIDHeaders[0] != "X-User" || got.BatchSize != 50 || got.TimerWakeUp != 3*time.Second ||
		got.EventQueueSize != 7 || got.LogBody || !got.Debug || got.DefaultMasks || got.RequestBodyMasks[0] != "a" ||
		got.ShouldSkip != "" || got.EventQueueBytes != 1000000 {
		t.Errorf("got %+v", got)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	tests := []struct{ key, value, want string }{
		{"batch_size", `"x"`, `telemetry/moesif.batch_size: must be a whole number of at least 1 (got "x")`},
		{"batch_size", `0`, `telemetry/moesif.batch_size: must be a whole number of at least 1 (got 0)`},
		{"batch_size", `1.5`, `telemetry/moesif.batch_size: must be a whole number of at least 1 (got 1.5)`},
		{"batch_size", `[1]`, `telemetry/moesif.batch_size: must be a whole number of at least 1 (got [1])`},
		{"batch_size", `9999999999`, `telemetry/moesif.batch_size: must be a whole number of at least 1 (got 9999999999)`},
		{"event_queue_size", `-1`, `telemetry/moesif.event_queue_size: must be a whole number of at least 1 (got -1)`},
		{"timer_wake_up_seconds", `0`, `telemetry/moesif.timer_wake_up_seconds: must be a whole number of seconds from 1 to 86400 (got 0)`},
		{"timer_wake_up_seconds", `"2s"`, `telemetry/moesif.timer_wake_up_seconds: must be a whole number of seconds from 1 to 86400 (got "2s")`},
		{"log_body", `"yes"`, `telemetry/moesif.log_body: must be true or false (got "yes")`},
		{"debug", `2`, `telemetry/moesif.debug: must be true or false (got 2)`},
		{"application_id", `""`, `telemetry/moesif.application_id: must not be empty`},
		{"application_id", `true`, `telemetry/moesif.application_id: must be a string (got true)`},
		{"application_id", `"a\nb"`, `telemetry/moesif.application_id: must be printable without spaces: it travels in a header`},
		{"user_id_headers", `{"a":1}`, `telemetry/moesif.user_id_headers: must be a list of strings (got {"a":1})`},
		{"user_id_headers", `["ok","no good"]`, `telemetry/moesif.user_id_headers[1]: must be the name of a header (got "no good")`},
		{"user_id_headers", `["ok",{}]`, `telemetry/moesif.user_id_headers[1]: must be a string (got {})`},
		{"user_id_jwt_claim", `""`, `telemetry/moesif.user_id_jwt_claim: must not be empty`},
		{"identify_company", `"x"`, `telemetry/moesif.identify_company: must be an object with one of header, jwt_claim, query_string (got "x")`},
		{"identify_company", `{"header":"A","jwt_claim":"b"}`, `telemetry/moesif.identify_company: set only one of header, jwt_claim, query_string (got header and jwt_claim)`},
		{"identify_company", `{"cookie":"A"}`, `telemetry/moesif.identify_company.cookie: unknown key: use one of header, jwt_claim, query_string`},
		{"identify_company", `{"header":"a b"}`, `telemetry/moesif.identify_company.header: must be the name of a header (got "a b")`},
		{"identify_company", `{"header":""}`, `telemetry/moesif.identify_company.header: must not be empty`},
		{"identify_company", `{"jwt_claim":[]}`, `telemetry/moesif.identify_company.jwt_claim: must be a string (got [])`},
		{"request_body_masks", `[""]`, `telemetry/moesif.request_body_masks[0]: must not be empty`},
		{"response_header_masks", `["a:b"]`, `telemetry/moesif.response_header_masks[0]: must be the name of a header (got "a:b")`},
		{"metadata", `"x"`, `telemetry/moesif.metadata: must be an object (got "x")`},
		{"should_skip", `{}`, `telemetry/moesif.should_skip: must be a string (got {})`},
		{"collector_url", `"api.moesif.net"`, `telemetry/moesif.collector_url: must be an http or https URL of a host, like https://api.moesif.net (got "api.moesif.net")`},
		{"collector_url", `"http://u:secret@x"`, `telemetry/moesif.collector_url: must be an http or https URL without user and password`},
		{"collector_url", `"ftp://x"`, `telemetry/moesif.collector_url: must be an http or https URL of a host, like https://api.moesif.net (got "ftp://x")`},
		{"collector_url", `"http://x/?a=b"`, `telemetry/moesif.collector_url: must be an http or https URL of a host, like https://api.moesif.net (got "http://x/?a=b")`},
		{"request_max_body_size", `-1`, `telemetry/moesif.request_max_body_size: must be a whole number from 0 to 50000000 (got -1)`},
		{"event_queue_bytes", `"1GB"`, `telemetry/moesif.event_queue_bytes: must be a whole number of at least 0 (got "1GB")`},
		{"drain_timeout", `10`, `telemetry/moesif.drain_timeout: must be a duration of at least 0s, like "10s" (got 10)`},
		{"drain_timeout", `"-1s"`, `telemetry/moesif.drain_timeout: must be a duration of at least 0s, like "10s" (got "-1s")`},
		{"spool_dir", `[1]`, `telemetry/moesif.spool_dir: must be a string (got [1])`},
		{"spool_max_bytes", `5`, `telemetry/moesif.spool_max_bytes: must be a whole number of at least 1048576 (got 5)`},
		{"rules_cache", `{}`, `telemetry/moesif.rules_cache: must be a string (got {})`},
		{"block_listed_ips", `"maybe"`, `telemetry/moesif.block_listed_ips: must be true or false (got "maybe")`},
		{"batchsize", `1`, `telemetry/moesif.batchsize: unknown key: remove it, or start it with @ to keep it as a comment`},
	}
	for _, tt := range tests {
		t.Run(tt.key+"="+tt.value, func(t *testing.T) {
			in := block(t, `{"application_id":"a","user_id_headers":["A"]}`)
			in[tt.key] = block(t, `{"v":`+tt.value+`}`)["v"]
			if _, errs := ParseConfig(in); lines(errs) != tt.want {
				t.Errorf("got  %s\nwant %s", lines(errs), tt.want)
			}
		})
	}
}

func TestEachThingThatIsWrongIsOneError(t *testing.T) {
	_, errs := ParseConfig(block(t, `{"batch_size":"x","zzz":1,"debug":"maybe","Debug":true}`))
	want := `telemetry/moesif.batch_size: must be a whole number of at least 1 (got "x")
telemetry/moesif.debug: given twice: remove this or Debug
telemetry/moesif.zzz: unknown key: remove it, or start it with @ to keep it as a comment
telemetry/moesif.user_id_headers: missing: name the headers that can identify the user, like ["Authorization"]`
	if lines(errs) != want {
		t.Errorf("got\n%s\nwant\n%s", lines(errs), want)
	}
}

func TestTheEnvironmentWinsOverTheFile(t *testing.T) {
	env := map[string]string{
		"GATEMETER_APPLICATION_ID": "env-app", "GATEMETER_COLLECTOR_URL": "http://localhost:9700",
		"GATEMETER_EVENT_QUEUE_BYTES": "5000", "GATEMETER_REQUEST_MAX_BODY_SIZE": "1", "GATEMETER_RESPONSE_MAX_BODY_SIZE": "2",
		"GATEMETER_DRAIN_TIMEOUT": "3s", "GATEMETER_DEFAULT_MASKS": "false", "GATEMETER_SPOOL_DIR": "/var/spool", "GATEMETER_SPOOL_MAX_BYTES": "2000000",
		"GATEMETER_RULES_CACHE": "rules.json", "GATEMETER_BLOCK_LISTED_IPS": "1",
		"GATEMETER_BATCH_SIZE": "9", // the file's alone
	}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	c, errs := ParseConfig(block(t, `{"application_id":"file-app","user_id_headers":["A"],"collector_url":"http://file"}`))
	if len(errs) > 0 {
		t.Fatal(lines(errs))
	}
	c, errs = c.WithEnvironment(lookup)
	if len(errs) > 0 {
		t.Fatal(lines(errs))
	}
	if c.ApplicationID != "env-app" || c.CollectorURL != "http://localhost:9700" || c.EventQueueBytes != 5000 ||
		c.RequestMaxBodySize != 1 || c.ResponseMaxBodySize != 2 || c.DrainTimeout != 3*time.Second || c.DefaultMasks || c.BatchSize != 200 ||
		c.SpoolDir != "/var/spool" || c.SpoolMaxBytes != 2_000_000 || c.RulesCache != "rules.json" || !c.BlockListedIPs {
		t.Errorf("got %+v", c)
	}
}

func TestWrongVariablesAreNamed(t *testing.T) {
	env := map[string]string{"GATEMETER_DRAIN_TIMEOUT": "soon", "GATEMETER_APPLICATION_ID": "a", "GATEMETER_BLOCK_LISTED_IPS": "maybe"}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	want := `GATEMETER_BLOCK_LISTED_IPS: must be true or false (got "maybe")
GATEMETER_DRAIN_TIMEOUT: must be a duration of at least 0s, like "10s" (got "soon")`
	if _, errs := (Config{}).WithEnvironment(lookup); lines(errs) != want {
		t.Errorf("got\n%s\nwant\n%s", lines(errs), want)
	}
	clear(env)
	want = "telemetry/moesif.application_id: missing: set it, or the variable GATEMETER_APPLICATION_ID"
	if _, errs := (Config{}).WithEnvironment(lookup); lines(errs) != want {
		t.Errorf("got %s", lines(errs))
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add(`{"application_id":"a","user_id_headers":["A"],"identify_company":{"header":"x"}}`)
	f.Add(`{"batch_size":1e9,"debug":"t","metadata":{},"drain_timeout":"1h"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var m map[string]any
		if json.Unmarshal([]byte(text), &m) != nil {
			return
		}
		c, errs := ParseConfig(m)
		if len(errs) > 0 {
			return
		}
		if c.BatchSize < 1 || c.TimerWakeUp < time.Second || c.EventQueueSize < 1 || c.EventQueueBytes < 0 ||
			c.RequestMaxBodySize < 0 || c.DrainTimeout < 0 || c.CollectorURL == "" || c.UserIDJWTClaim == "" {
			t.Fatalf("accepted an impossible configuration: %+v", c)
		}
	})
}

// quote writes s as JSON.
func quote(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}
