package config

import (
	"reflect"
	"testing"
	"time"
)

func TestQuotasAndTheirConnectionsAreRead(t *testing.T) {
	s, err := Parse("krakend.yaml", []byte(`
version: 3
host: http://b
extra_config:
  redis:
    connection_pools:
      - {name: one, address: "[::1]", user_name: u, password: p, db: 3}
      - {name: two, address: "redis:7000", dial_timeout: 2s, read_timeout: 50ms, tls: {ca_certs: ca.pem, allow_insecure_connections: true}}
    clusters: {name: many, addresses: ["a:1", "b"]}
  governance/processors:
    quotas:
      - name: local
        rules: [{name: r, limits: {amount: "5", unit: Day}}]
      - {name: far, connection_name: many, on_failure_allow: true, on_failure_max_retries: 2, on_failure_backoff_strategy: linear, hash_keys: true,
         rules: [{name: r, limits: [{amount: 1, unit: second}, {amount: 2, unit: year}]}]}
  governance/quota:
    quota_name: local
    tier_key: x-plan
    on_unmatched_tier_allow: true
    disable_quota_headers: true
    tiers: [{rule_name: r, tier_value: gold, strategy: header, key: x-user}]
endpoints:
  - endpoint: /a
    input_headers: "*"
    backend:
      url_pattern: /
      extra_config:
        governance/quota:
          quota_name: far
          weight_key: n
          tiers:
            - {rule_name: r, tier_value_as: policy, tier_value: "true", strategy: header, key: x-user, weight_key: x-n, weight_strategy: header}
            - {rule_name: r, tier_value_as: "*", strategy: header, key: x-user}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Warnings) > 0 {
		t.Errorf("warned: %q", s.Warnings)
	}
	limits := s.Limits
	back := s.Endpoints[0].Backends[0].Limits.Quota
	limits.Quota.path, back.path = "", ""
	byUser := Strategy{By: "header", Key: "X-User"}
	for _, tt := range []struct{ name, got, want any }{
		{"redis", limits.Redis, []Redis{
			{Name: "one", Addresses: []string{"[::1]:6379"}, User: "u", Password: "p", DB: 3, DialTimeout: time.Second, Timeout: 500 * time.Millisecond},
			{Name: "two", Addresses: []string{"redis:7000"}, DialTimeout: 2 * time.Second, Timeout: 50 * time.Millisecond, TLS: &ClientTLS{CACerts: []string{"ca.pem"}, AllowInsecureConnections: true}},
			{Name: "many", Addresses: []string{"a:1", "b:6379"}, Cluster: true, DialTimeout: time.Second, Timeout: 500 * time.Millisecond},
		}},
		{"processors", limits.Processors, []Processor{
			{Name: "local", Rules: []QuotaRule{{"r", []QuotaLimit{{5, "day"}}}}},
			{Name: "far", Connection: "many", AllowOnFailure: true, Retries: 2, Backoff: "linear", HashKeys: true, Rules: []QuotaRule{{"r", []QuotaLimit{{1, "second"}, {2, "year"}}}}},
		}},
		{"quota of the service", limits.Quota, &Quota{
			Name: "local", Tiers: Tiers{"X-Plan", []Tier{{"literal", "gold"}}}, Of: []QuotaTier{{Rule: "r", Strategy: byUser}},
			AllowUnmatched: true, HideHeaders: true,
		}},
		{"quota of the backend", back, &Quota{
			Name: "far", Tiers: Tiers{"", []Tier{{"policy", "true"}, {"*", ""}}},
			Of: []QuotaTier{{Rule: "r", Strategy: byUser, Weight: Weight{"header", "X-N"}}, {Rule: "r", Strategy: byUser, Weight: Weight{"body", "n"}}},
		}},
	} {
		if !reflect.DeepEqual(tt.got, tt.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.name, tt.got, tt.want)
		}
	}
}
