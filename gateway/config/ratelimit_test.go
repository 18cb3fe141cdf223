package config

import (
	"strings"
	"testing"
	"time"
)

// withExtra reads a file with one endpoint, /a/{id}, that has this extra_config, and
// gives what was warned of.
func withExtra(t *testing.T, extra string) (*Service, []string) {
	t.Helper()
	s, err := Parse("krakend.json", []byte(`{"version":3,"host":["http://b"],"endpoints":[{"endpoint":"/a/{id}","extra_config":`+extra+`,
		"backend":[{"url_pattern":"/{id}"}]}]}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, s.Warnings
}

func TestRateLimitsHaveKrakenDsDefaults(t *testing.T) {
	for _, tt := range []struct {
		block       string
		all, client Rate
	}{
		{`{"max_rate":10}`, Rate{10, 10}, Rate{}},
		{`{"max_rate":"2.9"}`, Rate{2.9, 2}, Rate{}},
		{`{"max_rate":0.1}`, Rate{0.1, 1}, Rate{}},
		{`{"max_rate":10,"capacity":50}`, Rate{10, 50}, Rate{}},
		// The default capacity is that of a second, also with every.
		{`{"max_rate":120,"every":"1m"}`, Rate{2, 2}, Rate{}},
		{`{"max_rate":10,"every":"10m"}`, Rate{1.0 / 60, 1}, Rate{}},
		{`{"max_rate":10,"every":"5ms"}`, Rate{10, 10}, Rate{}},
		{`{"max_rate":10,"client_max_rate":5,"strategy":"ip"}`, Rate{10, 10}, Rate{5, 5}},
		// The quirk: with max_rate below 1, or absent, clients have a capacity of 1.
		{`{"client_max_rate":5,"strategy":"ip"}`, Rate{}, Rate{5, 1}},
		{`{"max_rate":0.5,"client_max_rate":5,"strategy":"ip"}`, Rate{0.5, 1}, Rate{5, 1}},
		{`{"client_max_rate":5,"client_capacity":7,"strategy":"ip"}`, Rate{}, Rate{5, 7}},
		// KrakenD's capacity is 0 here, so that no client passes; ours lets one through.
		{`{"max_rate":10,"client_max_rate":0.5,"strategy":"ip"}`, Rate{10, 10}, Rate{0.5, 1}},
	} {
		s, _ := withExtra(t, `{"qos/ratelimit/router":`+tt.block+`}`)
		l := s.Endpoints[0].Limits.Rate
		if l.All != tt.all || l.Client != tt.client || l.Shards != 2048 || l.CleanupPeriod != time.Minute {
			t.Errorf("%s: got %+v", tt.block, l)
		}
	}
}

func TestRateLimitsWithoutEffectAreWarnedOf(t *testing.T) {
	for block, want := range map[string]string{
		`{"max_rate":1,"client_max_rate":5}`:      "router.strategy: missing, so client_max_rate limits nobody: say ip, header or param",
		`{"capacity":5}`:                          "router: limits nothing: set max_rate or client_max_rate",
		`{"max_rate":1,"max_rates":2}`:            "router.max_rates: unknown key, ignored (did you mean max_rate?)",
		`{"max_rate":1,"every":"5ms"}`:            "router.every: less than a second, 1s is taken (got 5ms)",
		`{"client_max_rate":5,"strategy":"ip"}`:   "extra_config.router.trusted_proxies: missing, so any X-Forwarded-For is believed and limits by ip are easily passed by: name the proxies in front of the gateway",
		`{"max_rate":0,"client_max_rate":0}`:      "router: limits nothing: set max_rate or client_max_rate",
		`{"max_rate":1,"every":1000000000000000}`: `router.every: a number without a unit is read as nanoseconds (277h46m40s): write "1000000000000000ms" or "1000000000000000s"`,
	} {
		_, warnings := withExtra(t, `{"qos/ratelimit/router":`+block+`}`)
		if len(warnings) != 1 || !strings.HasSuffix(warnings[0], want) {
			t.Errorf("%s: got %q", block, warnings)
		}
	}
}

func TestBreakersHaveDefaults(t *testing.T) {
	for block, want := range map[string]Breaker{
		`{"interval":60,"timeout":10,"max_errors":1,"name":"x","log_status_change":true}`: {"x", time.Minute, 10 * time.Second, 1, true},
		`{"max_errors":3}`: {Timeout: time.Minute, MaxErrors: 3},
	} {
		s, err := Parse("krakend.json", []byte(`{"version":3,"host":["http://b"],"endpoints":[{"endpoint":"/a",
			"backend":[{"url_pattern":"/","extra_config":{"qos/circuit-breaker":`+block+`}}]}]}`), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := *s.Endpoints[0].Backends[0].Limits.Breaker; got != want || len(s.Warnings) > 0 {
			t.Errorf("%s: %+v, %q", block, got, s.Warnings)
		}
	}
}
