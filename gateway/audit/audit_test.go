package audit

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// parse reads a file with one endpoint: root goes into the root, extra into its
// extra_config, endpoint into the endpoint. Each is a list of members or empty.
func parse(t *testing.T, root, extra, endpoint string) *config.Service {
	t.Helper()
	member := func(s string) string {
		if s != "" {
			return "," + s
		}
		return ""
	}
	if !strings.Contains(endpoint, `"backend"`) {
		endpoint = strings.TrimSuffix(`"backend":[{"url_pattern":"/"}],`+endpoint, ",")
	}
	text := fmt.Sprintf(`{"version":3,"host":["http://127.0.0.1:9"],"extra_config":{%s}%s,
		"endpoints":[{"endpoint":"/a"%s}]}`, extra, member(root), member(endpoint))
	s, err := config.Parse("krakend.json", []byte(text), nil)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

const block = `"telemetry/moesif":{"application_id":"x","user_id_headers":["A"]%s}`

func otlp(exporter string) string {
	return `"telemetry/opentelemetry":{"exporters":{"otlp":[{"name":"t",` + exporter + `}]}}`
}

func moesif(more string) string { return fmt.Sprintf(block, more) }

func validator(more string) string {
	v := `"alg":"RS256","jwk_url":"https://i.example/k"` + more
	if strings.Contains(more, "alg") {
		v = `"jwk_url":"https://i.example/k"` + more
	}
	if strings.Contains(more, "jwk_url") {
		v = `"alg":"RS256"` + more
	}
	return `"extra_config":{"auth/validator":{` + v + `}}`
}

func revoker(more string) string {
	return `"auth/revoker":{"N":1,"TTL":1,"port":1234,"token_keys":["jti"]` + more + `}`
}

func signer(address string) string {
	return `"extra_config":{"auth/signer":{"alg":"RS256","kid":"k","keys_to_sign":["t"],"disable_jwk_security":true,"jwk_url":"` + address + `"}}`
}

const users = `"extra_config":{"auth/basic":{"users":{"ann":"$2y$10$abcdefghijklmnopqrstuuJ1Yy1l0ZzQ0t0Tn5Xq7iGdz4p1Pq2y6"}}}`

func rate(more string) string {
	return `"extra_config":{"qos/ratelimit/router":{"max_rate":5,"client_max_rate":1` + more + `}}`
}

func policies(more string) string {
	return `"extra_config":{"security/policies":{"req":{"policies":["req_method == 'GET'"]}` + more + `}}`
}

func processors(more string) string {
	return `"governance/processors":{"quotas":[{"name":"q","rules":[{"name":"r","limits":[{"amount":1,"unit":"day"}]}]` + more + `}]}`
}

// example is a file that a rule is about and one that it is not about.
type example struct {
	id        string
	bad, good [3]string // root, extra, endpoint
}

var cases = []example{
	{"1.1.2", [3]string{`"tls":{"keys":[{"public_key":"c","private_key":"k"}],"min_version":"TLS11"}`},
		[3]string{`"tls":{"keys":[{"public_key":"c","private_key":"k"}],"min_version":"TLS12"}`}},
	{"1.1.1", [3]string{}, [3]string{`"tls":{"keys":[{"public_key":"c","private_key":"k"}]}`}},
	{"1.2.1", [3]string{`"client_tls":{"allow_insecure_connections":true}`}, [3]string{}},
	{"2.1.1", [3]string{`"debug_endpoint":true`}, [3]string{}},
	{"2.1.2", [3]string{`"echo_endpoint":true`}, [3]string{}},
	{"2.1.3", [3]string{}, [3]string{"", `"router":{"hide_version_header":true}`}},
	{"2.1.4", [3]string{"", `"router":{"return_error_msg":true}`}, [3]string{}},
	{"2.2.1", [3]string{"", "", `"input_headers":["*"]`}, [3]string{"", "", `"input_headers":["A"]`}},
	{"2.2.2", [3]string{"", "", `"input_query_strings":["*"]`}, [3]string{"", "", `"input_query_strings":["a"]`}},
	{"2.2.3", [3]string{"", "", `"endpoint":"/a/*"`}, [3]string{"", "", `"endpoint":"/a/{id}"`}},
	{"2.2.3", [3]string{"", "", `"endpoint":"/__catchall"`}, [3]string{}},
	{"2.1.5", [3]string{}, [3]string{"", `"security/http":{"content_type_nosniff":true}`}},
	{"2.3.1", [3]string{"", `"security/cors":{"allow_origins":["*"],"allow_credentials":true}`}, [3]string{"", `"security/cors":{"allow_origins":["https://a.example"],"allow_credentials":true}`}},
	{"2.3.1", [3]string{"", `"security/cors":{"allow_credentials":true}`}, [3]string{"", `"security/cors":{}`}},
	{"2.3.2", [3]string{"", `"security/cors":{}`}, [3]string{"", `"security/cors":{"allow_origins":["https://a.example"]}`}},
	{"3.1.1", [3]string{}, [3]string{"", "", validator("")}},
	{"3.1.2", [3]string{"", "", users}, [3]string{`"tls":{"keys":[{"public_key":"c","private_key":"k"}]}`, "", users}},
	{"3.2.1", [3]string{"", "", validator(`,"jwk_url":"http://i.example/k","disable_jwk_security":true`)}, [3]string{"", "", validator("")}},
	{"3.2.2", [3]string{"", "", validator("")}, [3]string{"", "", validator(`,"cache":true`)}},
	{"3.2.3", [3]string{"", "", validator("")}, [3]string{"", "", validator(`,"issuer":"i"`)}},
	{"3.2.3", [3]string{"", "", validator("")}, [3]string{"", "", validator(`,"audience":["a"]`)}},
	{"3.2.4", [3]string{"", "", validator(`,"alg":"HS512"`)}, [3]string{"", "", validator(`,"alg":"ES256"`)}},
	{"3.2.5", [3]string{"", "", validator(`,"operation_debug":true`)}, [3]string{"", "", validator("")}},
	{"3.2.6", [3]string{"", "", policies(`,"debug":true`)}, [3]string{"", "", policies("")}},
	{"3.2.6", [3]string{"", "", `"backend":[{"url_pattern":"/","extra_config":{"security/policies":{"resp":{"policies":["resp_completed"]},"debug":true}}}]`}, [3]string{}},
	{"3.3.2", [3]string{"", revoker(`,"listen_ip":"::","api_key":"s3cret"`)}, [3]string{"", revoker("")}},
	{"3.4.1", [3]string{"", "", signer("http://keys.example/private")}, [3]string{"", "", signer("https://keys.example/private")}},
	{"3.4.1", [3]string{"", "", signer("http://keys.example/private")}, [3]string{"", "", signer("http://127.0.0.1/private")}},
	{"4.1.1", [3]string{}, [3]string{"", "", rate("")}},
	{"4.1.1", [3]string{}, [3]string{"", `"qos/ratelimit/tiered":{"tier_key":"X","tiers":[{"tier_value":"*","tier_value_as":"*","ratelimit":{"max_rate":1}}]}`}},
	{"4.1.1", [3]string{}, [3]string{"", `"qos/ratelimit/service":{"max_rate":5}`}},
	{"4.2.1", [3]string{"", `"qos/ratelimit/service":{"client_max_rate":5,"strategy":"ip"}`}, [3]string{"", `"qos/ratelimit/service":{"max_rate":5}`}},
	{"4.1.2", [3]string{}, [3]string{"", `"router":{"max_payload":1000}`}},
	{"4.2.1", [3]string{"", "", rate(`,"strategy":"ip"`)}, [3]string{"", `"router":{"trusted_proxies":["10.0.0.0/8"]}`, rate(`,"strategy":"ip"`)}},
	{"4.2.1", [3]string{"", "", rate(`,"strategy":"ip"`)}, [3]string{"", "", rate(`,"strategy":"header","key":"X"`)}},
	{"4.2.1", [3]string{"", "", rate(`,"strategy":"ip"`)}, [3]string{"", `"router":{"forwarded_by_client_ip":false}`, rate(`,"strategy":"ip"`)}},
	{"4.2.2", [3]string{"", processors("")}, [3]string{"", processors(`,"connection_name":"r"`) + `,"redis":{"connection_pools":[{"name":"r","address":"127.0.0.1:9"}]}`}},
	{"5.1.3", [3]string{}, [3]string{"", "", `"backend":[{"url_pattern":"/","extra_config":{"qos/circuit-breaker":{"interval":1,"timeout":1,"max_errors":1}}}]`}},
	{"3.3.1", [3]string{"", moesif(`,"block_listed_ips":true`)}, [3]string{"", moesif(`,"block_listed_ips":true`) + `,"router":{"trusted_proxies":["10.0.0.0/8"]}`}},
	{"5.1.1", [3]string{"", "", `"timeout":"31s"`}, [3]string{"", "", `"timeout":"30s"`}},
	{"5.1.2", [3]string{`"write_timeout":"1s"`, "", `"timeout":"2s"`}, [3]string{`"write_timeout":"2s"`, "", `"timeout":"2s"`}},
	{"5.2.1", [3]string{}, [3]string{`"max_shutdown_wait_time":"10s"`}},
	{"5.2.2", [3]string{`"disable_keep_alives":true`}, [3]string{}},
	{"5.2.3", [3]string{"", `"router":{"disable_health":true}`}, [3]string{}},
	{"6.1.1", [3]string{"", `"telemetry/logging":{"level":"DEBUG"}`}, [3]string{"", `"telemetry/logging":{"level":"INFO"}`}},
	{"6.1.2", [3]string{}, [3]string{"", `"telemetry/metrics":{}`}},
	{"6.2.1", [3]string{"", moesif(`,"default_masks":false`)}, [3]string{"", moesif("")}},
	{"6.2.2", [3]string{"", moesif("")}, [3]string{"", moesif(`,"response_body_masks":["iban"]`)}},
	{"6.2.2", [3]string{"", moesif("")}, [3]string{"", moesif(`,"log_body":false`)}},
	{"6.2.3", [3]string{"", moesif("")}, [3]string{"", moesif(`,"spool_dir":"/x"`)}},
	{"6.2.4", [3]string{"", moesif(`,"collector_url":"http://collector.example"`)}, [3]string{"", moesif(`,"collector_url":"http://127.0.0.1:9700"`)}},
	{"6.2.4", [3]string{"", moesif(`,"collector_url":"http://10.0.0.1"`)}, [3]string{"", moesif(`,"collector_url":"http://localhost"`)}},
	{"6.2.4", [3]string{"", moesif(`,"collector_url":"http://collector.example"`)}, [3]string{"", moesif(`,"collector_url":"https://collector.example"`)}},
	{"6.3.1", [3]string{"", otlp(`"host":"tempo.internal"`)}, [3]string{"", otlp(`"host":"tempo.internal","tls":{}`)}},
	{"6.3.1", [3]string{"", otlp(`"host":"10.0.0.1"`)}, [3]string{"", otlp(`"host":"::1"`)}},
	{"6.2.5", [3]string{"", moesif(`,"debug":true`)}, [3]string{"", moesif("")}},
}

func TestEveryRuleFindsWhatItIsAboutAndNothingElse(t *testing.T) {
	for _, c := range cases {
		t.Run(c.id, func(t *testing.T) {
			if !recommends(Run(parse(t, c.bad[0], c.bad[1], c.bad[2])), c.id) {
				t.Errorf("nothing is said about %q", c.bad)
			}
			if recommends(Run(parse(t, c.good[0], c.good[1], c.good[2])), c.id) {
				t.Errorf("it is said about %q", c.good)
			}
		})
	}
}

func recommends(all []Recommendation, id string) bool {
	return slices.ContainsFunc(all, func(r Recommendation) bool { return r.ID == id })
}

func TestEveryRuleHasACaseAndAnIDOfItsOwn(t *testing.T) {
	form := regexp.MustCompile(`^[1-9]\.[1-9]\.[1-9]\d*$`)
	var ids []string
	for _, r := range rules() {
		if !form.MatchString(r.id) || !slices.Contains(Severities, r.severity) {
			t.Errorf("rule %q, severity %q", r.id, r.severity)
		}
		if !slices.ContainsFunc(cases, func(c example) bool { return c.id == r.id }) {
			t.Errorf("rule %s has no case", r.id)
		}
		ids = append(ids, r.id)
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Errorf("ids out of order, or twice: %v", ids)
	}
}

func TestAMessageNamesAFewEndpointsAndCountsTheRest(t *testing.T) {
	s := parse(t, "", "", `"timeout":"1h"`)
	for i := range 4 {
		e := s.Endpoints[0]
		e.Path = fmt.Sprintf("/b%d", i)
		s.Endpoints = append(s.Endpoints, e)
	}
	for _, r := range Run(s) {
		if r.ID == "5.1.1" {
			if !strings.Contains(r.Message, "at GET /a, GET /b0, GET /b1 and 2 more: ") {
				t.Errorf("got %s", r.Message)
			}
			return
		}
	}
	t.Error("nothing is said")
}
