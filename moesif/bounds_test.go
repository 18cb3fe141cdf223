package moesif

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestNumbersAreTakenUpToTheirBounds(t *testing.T) {
	for _, tt := range []struct{ key, least, most, below, above, want string }{
		{"batch_size", "1", "2147483647", "0", "2147483648", "must be a whole number of at least 1"},
		{"event_queue_size", "1", "2147483647", "0", "2147483648", "must be a whole number of at least 1"},
		{"timer_wake_up_seconds", "1", "86400", "0", "86401", "must be a whole number of seconds from 1 to 86400"},
		{"request_max_body_size", "0", "50000000", "-1", "50000001", "must be a whole number from 0 to 50000000"},
		{"response_max_body_size", "0", "50000000", "-1", "50000001", "must be a whole number from 0 to 50000000"},
		{"event_queue_bytes", "0", "9223372036854775807", "-1", "9223372036854775808", "must be a whole number of at least 0"},
		{"spool_max_bytes", "1048576", "9223372036854775807", "1048575", "9223372036854775808", "must be a whole number of at least 1048576"},
	} {
		parse := func(value string) []error {
			in := block(t, `{"application_id":"a","user_id_headers":["A"]}`)
			in[tt.key] = json.Number(value)
			_, errs := ParseConfig(in)
			return errs
		}
		for _, value := range []string{tt.least, tt.most} {
			if errs := parse(value); len(errs) > 0 {
				t.Errorf("%s = %s is refused: %s", tt.key, value, lines(errs))
			}
		}
		for _, value := range []string{tt.below, tt.above} {
			if got, want := lines(parse(value)), fmt.Sprintf("telemetry/moesif.%s: %s (got %s)", tt.key, tt.want, value); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
	}
}

func TestOtherTypesAreRefusedByEveryKey(t *testing.T) {
	const object, list, word = `{"a":1}`, `[{}]`, `"maybe"`
	wants := map[string]map[string]string{ // value, key, message
		object: {
			"application_id": "must be a string (got {\"a\":1})", "user_id_jwt_claim": "must be a string (got {\"a\":1})",
			"should_skip": "must be a string (got {\"a\":1})", "spool_dir": "must be a string (got {\"a\":1})", "rules_cache": "must be a string (got {\"a\":1})",
			"collector_url": "must be a string (got {\"a\":1})", "drain_timeout": `must be a duration of at least 0s, like "10s" (got {"a":1})`,
			"user_id_headers": `must be a list of strings (got {"a":1})`, "request_header_masks": `must be a list of strings (got {"a":1})`,
			"response_header_masks": `must be a list of strings (got {"a":1})`, "request_body_masks": `must be a list of strings (got {"a":1})`,
			"response_body_masks": `must be a list of strings (got {"a":1})`,
		},
		list: {
			"metadata": "must be an object (got [{}])", "identify_company": "must be an object with one of header, jwt_claim, query_string (got [{}])",
		},
		word: {
			"batch_size": `must be a whole number of at least 1 (got "maybe")`, "event_queue_size": `must be a whole number of at least 1 (got "maybe")`,
			"timer_wake_up_seconds": `must be a whole number of seconds from 1 to 86400 (got "maybe")`,
			"request_max_body_size": `must be a whole number from 0 to 50000000 (got "maybe")`, "response_max_body_size": `must be a whole number from 0 to 50000000 (got "maybe")`,
			"event_queue_bytes": `must be a whole number of at least 0 (got "maybe")`, "spool_max_bytes": `must be a whole number of at least 1048576 (got "maybe")`,
			"log_body": `must be true or false (got "maybe")`, "debug": `must be true or false (got "maybe")`,
			"default_masks": `must be true or false (got "maybe")`, "block_listed_ips": `must be true or false (got "maybe")`,
		},
	}
	tried := map[string]bool{}
	for value, keys := range wants {
		for key, want := range keys {
			tried[key] = true
			in := block(t, `{"application_id":"a","user_id_headers":["A"]}`)
			in[key] = block(t, `{"v":`+value+`}`)["v"]
			if _, errs := ParseConfig(in); lines(errs) != "telemetry/moesif."+key+": "+want {
				t.Errorf("got  %s\nwant telemetry/moesif.%s: %s", lines(errs), key, want)
			}
		}
	}
	for key := range settings {
		if !tried[key] {
			t.Errorf("%s is not tried", key)
		}
	}
}

func TestTheCompanyHasOneSource(t *testing.T) {
	const several = "telemetry/moesif.identify_company: set only one of header, jwt_claim, query_string (got "
	for _, tt := range []struct {
		value, want string
		company     IdentifyCompany
	}{
		{`{"header":"x-tenant"}`, "", IdentifyCompany{Header: "X-Tenant"}},
		{`{"jwt_claim":"org.id"}`, "", IdentifyCompany{JWTClaim: "org.id"}},
		{`{"query_string":"Company"}`, "", IdentifyCompany{QueryString: "Company"}},
		{`{"header":"A","@jwt_claim":"b","$x":1,"_query_string":"c","#":{},"query_string":null}`, "", IdentifyCompany{Header: "A"}},
		{`{"header":"A","jwt_claim":"b"}`, several + "header and jwt_claim)", IdentifyCompany{}},
		{`{"header":"A","query_string":"c"}`, several + "header and query_string)", IdentifyCompany{}},
		{`{"jwt_claim":"b","query_string":"c"}`, several + "jwt_claim and query_string)", IdentifyCompany{}},
		{`{"header":"A","jwt_claim":"b","query_string":"c"}`, several + "header and jwt_claim and query_string)", IdentifyCompany{}},
		{`{"jwt_claim":""}`, "telemetry/moesif.identify_company.jwt_claim: must not be empty", IdentifyCompany{}},
		{`{"query_string":""}`, "telemetry/moesif.identify_company.query_string: must not be empty", IdentifyCompany{}},
	} {
		c, errs := ParseConfig(block(t, `{"application_id":"a","user_id_headers":["A"],"identify_company":`+tt.value+`}`))
		if lines(errs) != tt.want || c.IdentifyCompany != tt.company {
			t.Errorf("%s: got %+v, %s; want %+v, %s", tt.value, c.IdentifyCompany, lines(errs), tt.company, tt.want)
		}
	}
}

func TestCommentsHoldAnything(t *testing.T) {
	for _, first := range []string{"@", "$", "_", "#"} {
		for _, value := range []any{"text", 1, true, []any{1}, map[string]any{"batch_size": "x"}} {
			c, errs := ParseConfig(map[string]any{"application_id": "a", "user_id_headers": "A", first: value, first + "batch_size": value})
			if len(errs) > 0 || c.BatchSize != 200 {
				t.Errorf("%sbatch_size: %v: %s, batch_size %d", first, value, lines(errs), c.BatchSize)
			}
		}
	}
	if _, errs := ParseConfig(map[string]any{"application_id": "a", "user_id_headers": "A", "batch_size@": 1}); len(errs) != 1 {
		t.Errorf("a comment by its last letter: %s", lines(errs))
	}
}

// What KrakenD's own schema of the block does not know can be set by environment,
// so that the file stays valid for KrakenD.
func TestVariablesWinOverTheFileAndTheFileOverDefaults(t *testing.T) {
	krakend := []string{
		"user_id_headers", "user_id_jwt_claim", "identify_company", "batch_size", "timer_wake_up_seconds", "event_queue_size", "log_body",
		"request_header_masks", "response_header_masks", "request_body_masks", "response_body_masks", "should_skip", "metadata", "debug",
	}
	others := []struct {
		key                    string
		file                   any
		variable               string
		byDefault, inFile, out any
		get                    func(Config) any
	}{
		{"application_id", "file", "env", "", "file", "env", func(c Config) any { return c.ApplicationID }},
		{"collector_url", "http://file", "http://env", "https://api.moesif.net", "http://file", "http://env", func(c Config) any { return c.CollectorURL }},
		{"event_queue_bytes", 5, "6", int64(0), int64(5), int64(6), func(c Config) any { return c.EventQueueBytes }},
		{"request_max_body_size", 5, "0", 100_000, 5, 0, func(c Config) any { return c.RequestMaxBodySize }},
		{"response_max_body_size", 5, "6", 100_000, 5, 6, func(c Config) any { return c.ResponseMaxBodySize }},
		{"drain_timeout", "5s", "0s", 10 * time.Second, 5 * time.Second, time.Duration(0), func(c Config) any { return c.DrainTimeout }},
		{"spool_dir", "/file", "/env", "", "/file", "/env", func(c Config) any { return c.SpoolDir }},
		{"spool_max_bytes", 2 << 20, "3145728", int64(1 << 30), int64(2 << 20), int64(3 << 20), func(c Config) any { return c.SpoolMaxBytes }},
		{"default_masks", false, "true", true, false, true, func(c Config) any { return c.DefaultMasks }},
		{"rules_cache", "/file", "/env", "", "/file", "/env", func(c Config) any { return c.RulesCache }},
		{"block_listed_ips", true, "false", false, true, false, func(c Config) any { return c.BlockListedIPs }},
	}
	if len(krakend)+len(others) != len(settings) {
		t.Errorf("%d keys, %d are here", len(settings), len(krakend)+len(others))
	}
	settle := func(in map[string]any, variables map[string]string) Config {
		in["user_id_headers"] = "A"
		c, errs := ParseConfig(in)
		c, more := c.WithEnvironment(func(name string) (string, bool) { v, ok := variables[name]; return v, ok })
		for _, err := range append(errs, more...) {
			if err.Error() != errNoApplicationID.Error() {
				t.Error(err)
			}
		}
		return c
	}
	plain := settle(map[string]any{}, nil)
	for _, tt := range others {
		name := "GATEMETER_" + strings.ToUpper(tt.key)
		for _, c := range []struct {
			what string
			got  Config
			want any
		}{
			{"nothing set", plain, tt.byDefault},
			{"in the file", settle(map[string]any{tt.key: tt.file}, nil), tt.inFile},
			{"an empty variable", settle(map[string]any{tt.key: tt.file}, map[string]string{name: ""}), tt.inFile},
			{"in both", settle(map[string]any{tt.key: tt.file}, map[string]string{name: tt.variable}), tt.out},
		} {
			if got := tt.get(c.got); got != c.want {
				t.Errorf("%s, %s: got %v, want %v", tt.key, c.what, got, c.want)
			}
		}
	}
	for _, key := range krakend {
		if got := settle(map[string]any{}, map[string]string{"GATEMETER_" + strings.ToUpper(key): "1"}); !reflect.DeepEqual(got, plain) {
			t.Errorf("%s has a variable", key)
		}
	}
}
