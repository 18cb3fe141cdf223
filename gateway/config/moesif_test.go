package config

import (
	"slices"
	"strings"
	"testing"
)

// Where an address decides something and no proxy is named, anybody may claim one.
func TestAddressesThatDecideNeedTrustedProxies(t *testing.T) {
	const warning = "extra_config.router.trusted_proxies: missing, so any X-Forwarded-For is believed and block_listed_ips is easily passed by: name the proxies in front of the gateway"
	for _, tt := range []struct {
		name, block, router string
		env                 []string
		warned              bool
	}{
		{"in the file", `,"block_listed_ips":true`, `{}`, nil, true},
		{"by environment", ``, `{}`, []string{"GATEMETER_BLOCK_LISTED_IPS", "true"}, true},
		{"switched off by environment", `,"block_listed_ips":true`, `{}`, []string{"GATEMETER_BLOCK_LISTED_IPS", "false"}, false},
		{"with a proxy", `,"block_listed_ips":true`, `{"trusted_proxies":["10.0.0.0/8"]}`, nil, false},
		{"where no address decides", ``, `{}`, nil, false},
	} {
		file := `{"version":3,"endpoints":[],"extra_config":{"router":` + tt.router + `,"telemetry/moesif":{"application_id":"a","user_id_headers":["X-User"]` + tt.block + `}}}`
		s := parse(t, "k.json", file, tt.env...)
		if got := slices.Contains(s.Warnings, warning); got != tt.warned {
			t.Errorf("%s: warned %v, want %v; warnings %q", tt.name, got, tt.warned, s.Warnings)
		}
	}
}

// Whatever the integration refuses in its block, check refuses by the key's place
// in the file.
func TestWhatIsWrongInTheBlockIsNamedByItsPlace(t *testing.T) {
	for keys, want := range map[string]string{
		`"batch_size":0`:                  `batch_size: must be a whole number of at least 1 (got 0)`,
		`"user_id_headers":["a b"]`:       `user_id_headers[0]: must be the name of a header (got "a b")`,
		`"identify_company":{"cookie":1}`: `identify_company.cookie: unknown key: use one of header, jwt_claim, query_string`,
		`"should_skip":"req_method"`:      `should_skip: the expression gives string: it must give true or false`,
		`"Batch-Size":1`:                  `Batch-Size: unknown key: remove it, or start it with @ to keep it as a comment`,
	} {
		file := `{"version":3,"endpoints":[],"extra_config":{"telemetry/moesif":{"application_id":"a","user_id_headers":["X-User"],` + keys + `}}}`
		_, err := Parse("k.json", []byte(file), environment())
		if err == nil || strings.TrimSpace(err.Error()) != "extra_config.telemetry/moesif."+want {
			t.Errorf("%s:\n got %v\nwant extra_config.telemetry/moesif.%s", keys, err, want)
		}
	}
}
