package main

import (
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"testing"
)

func noEnv(string) (string, bool) { return "", false }

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEveryProblemIsNamedByItsKey(t *testing.T) {
	tests := []struct {
		name, extra string
		want        []string
	}{
		{"no block", `{"name": ["gatemeter"]}`, []string{
			"plugin/http-server.gatemeter: missing: must be an object with the keys of telemetry/moesif",
		}},
		{"a block that is none", `{"gatemeter": "on"}`, []string{
			"plugin/http-server.gatemeter: missing: must be an object with the keys of telemetry/moesif",
		}},
		{"nothing in it", `{"gatemeter": {}}`, []string{
			`plugin/http-server.gatemeter.user_id_headers: missing: name the headers that can identify the user, like ["Authorization"]`,
			"plugin/http-server.gatemeter.application_id: missing: set it, or the variable GATEMETER_APPLICATION_ID",
		}},
		{"should_skip", `{"gatemeter": {"application_id": "a", "user_id_headers": ["A"], "should_skip": "req_method == 'GET'"}}`, []string{
			"plugin/http-server.gatemeter.should_skip: the plugin has no expression language: remove the key, or move the block to telemetry/moesif and serve it with gatemeter run, which has one",
		}},
		{"several", `{"gatemeter": {"application_id": "a b", "user_id_headers": ["A"], "batch_sise": 1, "trusted_proxies": ["10.0.0.0/8", "x"]}}`, []string{
			"plugin/http-server.gatemeter.application_id: must be printable without spaces: it travels in a header",
			"plugin/http-server.gatemeter.batch_sise: unknown key: remove it, or start it with @ to keep it as a comment",
			"plugin/http-server.gatemeter.trusted_proxies[1]: must be an address or a network, like 10.0.0.0/8 (got x)",
		}},
		{"all well", `{"gatemeter": {"application_id": "a", "user_id_headers": ["A"], "should_skip": "", "@comment": 1}}`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, problems := settings(decode(t, tt.extra), noEnv)
			var got []string
			for _, err := range problems {
				got = append(got, err.Error())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestTheEnvironmentWins(t *testing.T) {
	env := map[string]string{"GATEMETER_APPLICATION_ID": "env", "GATEMETER_COLLECTOR_URL": "http://collector:9700", "GATEMETER_EVENT_QUEUE_BYTES": "5"}
	cfg, _, problems := settings(decode(t, `{"gatemeter": {"application_id": "file", "user_id_headers": "A", "event_queue_bytes": 7}}`),
		func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err := errors.Join(problems...); err != nil {
		t.Fatal(err)
	}
	if cfg.ApplicationID != "env" || cfg.CollectorURL != "http://collector:9700" || cfg.EventQueueBytes != 5 || cfg.UserIDHeaders[0] != "A" {
		t.Errorf("got %+v", cfg)
	}
}

func TestTrustedProxiesAreReadAsTheRouterDoes(t *testing.T) {
	tests := []struct{ value, want string }{
		{`null`, "[]"},
		{`[]`, "[]"},
		{`"10.0.0.1"`, "[10.0.0.1/32]"},
		{`["10.0.0.0/8", "::1"]`, "[10.0.0.0/8 ::1/128]"},
	}
	for _, tt := range tests {
		_, got, problems := settings(decode(t, `{"gatemeter": {"application_id": "a", "user_id_headers": ["A"], "trusted_proxies": `+tt.value+`}}`), noEnv)
		if err := errors.Join(problems...); err != nil || show(got) != tt.want {
			t.Errorf("%s: got %v, %v", tt.value, got, err)
		}
	}
}

func show(prefixes []netip.Prefix) string {
	text := "["
	for i, p := range prefixes {
		if i > 0 {
			text += " "
		}
		text += p.String()
	}
	return text + "]"
}
