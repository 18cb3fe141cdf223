package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// KrakenD v3, 1.1 and 1.2: every scalar at the root is read from the file, also
// where it is written as text, and replaced by its variable, also where the file has
// none. The reference is unsure of the last: what was seen to happen counts, not what
// KrakenD's documentation says.
func TestEveryScalarOfTheRootIsReadFromFileAndEnvironment(t *testing.T) {
	type key struct {
		name       string
		file, text string // the value in JSON, and the variable's
		get        func(*Service) any
		first      any // what file means
		second     any // what text means
	}
	flag := func(name string, get func(*Service) bool) key {
		return key{name, `true`, "1", func(s *Service) any { return get(s) }, true, true}
	}
	span := func(name string, get func(*Service) time.Duration) key {
		return key{name, `"1m30s"`, "250ms", func(s *Service) any { return get(s) }, 90 * time.Second, 250 * time.Millisecond}
	}
	count := func(name string, get func(*Service) int) key {
		return key{name, `4096`, "512", func(s *Service) any { return get(s) }, 4096, 512}
	}
	keys := []key{
		{"name", `"shop"`, "other", func(s *Service) any { return s.Name }, "shop", "other"},
		{"listen_ip", `"127.0.0.1"`, "::1", func(s *Service) any { return s.ListenIP }, "127.0.0.1", "::1"},
		{"host", `["http://a","b/"]`, "c:80", func(s *Service) any { return strings.Join(s.Host, " ") }, "http://a http://b", "http://c:80"},
		{"output_encoding", `"string"`, "no-op", func(s *Service) any { return s.OutputEncoding }, "string", "no-op"},
		count("port", func(s *Service) int { return s.Port }),
		count("max_header_bytes", func(s *Service) int { return s.MaxHeaderBytes }),
		count("max_idle_connections", func(s *Service) int { return s.MaxIdleConnections }),
		count("max_idle_connections_per_host", func(s *Service) int { return s.MaxIdleConnectionsPerHost }),
		span("timeout", func(s *Service) time.Duration { return s.Timeout }),
		span("cache_ttl", func(s *Service) time.Duration { return s.CacheTTL }),
		span("read_timeout", func(s *Service) time.Duration { return s.ReadTimeout }),
		span("read_header_timeout", func(s *Service) time.Duration { return s.ReadHeaderTimeout }),
		span("write_timeout", func(s *Service) time.Duration { return s.WriteTimeout }),
		span("idle_timeout", func(s *Service) time.Duration { return s.IdleTimeout }),
		span("idle_connection_timeout", func(s *Service) time.Duration { return s.IdleConnectionTimeout }),
		span("response_header_timeout", func(s *Service) time.Duration { return s.ResponseHeaderTimeout }),
		span("expect_continue_timeout", func(s *Service) time.Duration { return s.ExpectContinueTimeout }),
		span("dialer_timeout", func(s *Service) time.Duration { return s.DialerTimeout }),
		span("dialer_fallback_delay", func(s *Service) time.Duration { return s.DialerFallbackDelay }),
		span("dialer_keep_alive", func(s *Service) time.Duration { return s.DialerKeepAlive }),
		span("max_shutdown_wait_time", func(s *Service) time.Duration { return s.MaxShutdownWaitTime }),
		{"dns_cache_ttl", `"1m30s"`, "5s", func(s *Service) any { return s.DNSCacheTTL }, 90 * time.Second, 5 * time.Second},
		flag("debug_endpoint", func(s *Service) bool { return s.DebugEndpoint }),
		flag("echo_endpoint", func(s *Service) bool { return s.EchoEndpoint }),
		flag("disable_rest", func(s *Service) bool { return s.DisableREST }),
		flag("use_h2c", func(s *Service) bool { return s.UseH2C }),
		flag("disable_keep_alives", func(s *Service) bool { return s.DisableKeepAlives }),
		flag("disable_compression", func(s *Service) bool { return s.DisableCompression }),
		flag("allow_insecure_connections", func(s *Service) bool { return s.ClientTLS.AllowInsecureConnections }),
	}
	for _, k := range keys {
		t.Run(k.name, func(t *testing.T) {
			is := func(what, member string, want any, env ...string) {
				t.Helper()
				s := parse(t, "k.json", `{"version":3,"endpoints":[]`+member+`}`, env...)
				if got := k.get(s); got != want {
					t.Errorf("%s: got %v, want %v", what, got, want)
				}
				if len(s.Warnings) > 0 {
					t.Errorf("%s: warnings %q", what, s.Warnings)
				}
			}
			variable := "KRAKEND_" + strings.ToUpper(k.name)
			is("the file", `,"`+k.name+`":`+k.file, k.first)
			is("in capitals", `,"`+strings.ToUpper(k.name)+`":`+k.file, k.first)
			is("as text", `,"`+k.name+`":"`+k.text+`"`, k.second)
			is("a variable over the file", `,"`+k.name+`":`+k.file, k.second, variable, k.text)
			is("a variable alone", ``, k.second, variable, k.text)
			is("an empty variable", `,"`+k.name+`":`+k.file, k.first, variable, "") // chosen: as if it were not set
		})
	}
	tested := map[string]bool{}
	for _, k := range keys {
		tested[k.name] = true
	}
	f := &findings{}
	f.opened = func(b *block) {
		if b.path == "" {
			t.Cleanup(func() {
				for _, name := range b.known {
					if !tested[name] && !slices.Contains(notScalar, name) {
						t.Errorf("%s is read and not tested", name)
					}
				}
			})
		}
	}
	if _, err := f.parse("k.json", []byte(`{"version":3,"endpoints":[]}`), nil); err != nil {
		t.Fatal(err)
	}
}

// notScalar are the keys of the root that no variable replaces, or that change nothing.
var notScalar = []string{"version", "endpoints", "extra_config", "tls", "client_tls", "async_agent", "sequential_start", "plugin", "$schema"}

// KrakenD v3, 1.1: the extension picks the format, and JSON is what has no other.
func TestTheExtensionPicksTheFormat(t *testing.T) {
	for file, text := range map[string]string{
		"k.json": `{"version":3,"port":81}`, "k": `{"version":3,"port":81}`, "k.conf": `{"version":3,"port":81}`, "k.yaml.bak": `{"version":3,"port":81}`,
		"k.yaml": "version: 3\nport: 81\n", "k.yml": "version: 3\nport: 81\n", "k.toml": "version = 3\nport = 81\n",
	} {
		if s := parse(t, file, text); s.Port != 81 {
			t.Errorf("%s: got %+v", file, s)
		}
	}
	for file, text := range map[string]string{"k.conf": "version: 3\n", "k": "version = 3\n", "k.json": "version: 3\n"} {
		if _, err := Parse(file, []byte(text), nil); err == nil {
			t.Errorf("%s is read as something else than JSON", file)
		}
	}
}

// KrakenD v3, 1.1: keys that begin with @ $ _ # are free, everywhere.
func TestCommentKeysAreFreeEverywhere(t *testing.T) {
	text := `{"version":3,?,"tls":{"disabled":true,?},"client_tls":{?},
		"extra_config":{?,"router":{?,"error_body":{?}},"telemetry/logging":{"level":"INFO",?},"telemetry/moesif":{"application_id":"a","user_id_headers":["A"],?}},
		"endpoints":[{?,"endpoint":"/a","extra_config":{?,"proxy":{?},"qos/ratelimit/router":{"max_rate":1,?}},
			"backend":[{?,"host":["http://b"],"url_pattern":"/","extra_config":{?,"backend/http":{?},"backend/http/client":{?}}}]}]}`
	s := parse(t, "k.json", strings.ReplaceAll(text, "?", `"@comment":1,"$ref":{"a":1},"_off":[1],"#":null`))
	if len(s.Warnings) > 0 {
		t.Errorf("warnings %q", s.Warnings)
	}
}

// KrakenD v3, 1.1: what stands in an endpoint or a backend besides, weakly.
func TestEndpointsAreReadWeakly(t *testing.T) {
	s := parse(t, "k.json", `{"version":"3","host":"h","endpoints":{"endpoint":"/a","method":"post","concurrent_calls":"2","timeout":"1500us","cache_ttl":"1h30m",
		"backend":{"url_pattern":"x","method":"put","is_collection":"1","allow":"a","encoding":null,"disable_host_sanitize":0}}}`)
	e := s.Endpoints[0]
	b := e.Backends[0]
	if e.Method != "POST" || e.ConcurrentCalls != 2 || e.Timeout != 1500*time.Microsecond || e.CacheTTL != 90*time.Minute ||
		b.Method != "PUT" || b.URLPattern != "/x" || !b.IsCollection || !slices.Equal(b.Allow, []string{"a"}) || b.Encoding != "json" || !slices.Equal(b.Hosts, []string{"http://h"}) {
		t.Errorf("got %+v", e)
	}
}

// KrakenD v3, 1.3 and 1.4: what endpoints and backends inherit, where 0 counts as
// unset and lists replace each other whole.
func TestEndpointsAndBackendsInherit(t *testing.T) {
	for _, c := range []struct {
		endpoint, backend string
		want              Endpoint
	}{
		{``, ``, Endpoint{Timeout: 5 * time.Second, CacheTTL: time.Minute, OutputEncoding: "string", Method: "GET",
			Backends: []Backend{{Method: "GET", Hosts: []string{"http://a", "http://b"}, Encoding: "json"}}}},
		{`"timeout":"0s","cache_ttl":0,"output_encoding":"",`, `"host":[],`, Endpoint{Timeout: 5 * time.Second, CacheTTL: time.Minute, OutputEncoding: "string", Method: "GET",
			Backends: []Backend{{Method: "GET", Hosts: []string{"http://a", "http://b"}, Encoding: "json"}}}},
		{`"timeout":"9s","cache_ttl":"2m","output_encoding":"no-op","method":"PATCH",`, `"host":["c"],"encoding":"xml",`, Endpoint{Timeout: 9 * time.Second, CacheTTL: 2 * time.Minute, OutputEncoding: "no-op", Method: "PATCH",
			Backends: []Backend{{Method: "PATCH", Hosts: []string{"http://c"}, Encoding: "no-op"}}}},
		{`"method":"DELETE",`, `"method":"HEAD","timeout":"1s","concurrent_calls":4,`, Endpoint{Timeout: 5 * time.Second, CacheTTL: time.Minute, OutputEncoding: "string", Method: "DELETE",
			Backends: []Backend{{Method: "HEAD", Hosts: []string{"http://a", "http://b"}, Encoding: "json"}}}},
	} {
		s := parse(t, "k.json", `{"version":3,"host":["a","b"],"timeout":"5s","cache_ttl":"1m","output_encoding":"string",
			"endpoints":[{"endpoint":"/a",`+c.endpoint+`"backend":[{`+c.backend+`"url_pattern":"/"}]}]}`)
		c.want.Path, c.want.Backends[0].URLPattern = "/a", "/"
		if !reflect.DeepEqual(s.Endpoints[0], c.want) {
			t.Errorf("%s %s:\n got %+v\nwant %+v", c.endpoint, c.backend, s.Endpoints[0], c.want)
		}
	}
}

// KrakenD v3, 1.3: another method is skipped and told, and the rest is served.
func TestEndpointsOfOtherMethodsAreSkipped(t *testing.T) {
	for _, method := range []string{"HEAD", "options", "CONNECT", "TRACE", "QUERY"} {
		s := parse(t, "k.json", `{"version":3,"host":["b"],"endpoints":[{"endpoint":"/a","method":"`+method+`","backend":[{"url_pattern":"/"}]},
			{"endpoint":"/b","method":"Delete","backend":[{"url_pattern":"/","method":"`+strings.Replace(method, "QUERY", "trace", 1)+`"}]}]}`)
		if len(s.Endpoints) != 1 || s.Endpoints[0].Method != "DELETE" || len(s.Warnings) != 1 || !strings.HasPrefix(s.Warnings[0], "endpoints[0].method: ") {
			t.Errorf("%s: got %+v, %q", method, s.Endpoints, s.Warnings)
		}
	}
}

// KrakenD v3, 1.1: every long name with its short one. Those in the spelling that
// KrakenD reads are known, those in the other are read with a warning.
func TestEveryLongNameHasAShortOne(t *testing.T) {
	long := map[string]string{
		"github_com/devopsfaith/krakend/transport/http/server/handler":  "plugin/http-server",
		"github.com/devopsfaith/krakend/transport/http/client/executor": "plugin/http-client",
		"github.com/devopsfaith/krakend/proxy/plugin":                   "plugin/req-resp-modifier",
		"github.com/devopsfaith/krakend/proxy":                          "proxy",
		"github_com/luraproject/lura/router/gin":                        "router",
		"github.com/devopsfaith/krakend-httpcache":                      "qos/http-cache",
		"github.com/devopsfaith/krakend-circuitbreaker/gobreaker":       "qos/circuit-breaker",
		"github.com/devopsfaith/krakend-oauth2-clientcredentials":       "auth/client-credentials",
		"github.com/devopsfaith/krakend-jose/validator":                 "auth/validator",
		"github.com/devopsfaith/krakend-jose/signer":                    "auth/signer",
		"github_com/devopsfaith/bloomfilter":                            "auth/revoker",
		"github_com/devopsfaith/krakend-botdetector":                    "security/bot-detector",
		"github_com/devopsfaith/krakend-httpsecure":                     "security/http",
		"github_com/devopsfaith/krakend-cors":                           "security/cors",
		"github.com/devopsfaith/krakend-cel":                            "validation/cel",
		"github.com/devopsfaith/krakend-jsonschema":                     "validation/json-schema",
		"github.com/devopsfaith/krakend-amqp/agent":                     "async/amqp",
		"github.com/devopsfaith/krakend-amqp/consume":                   "backend/amqp/consumer",
		"github.com/devopsfaith/krakend-amqp/produce":                   "backend/amqp/producer",
		"github.com/devopsfaith/krakend-lambda":                         "backend/lambda",
		"github.com/devopsfaith/krakend-pubsub/publisher":               "backend/pubsub/publisher",
		"github.com/devopsfaith/krakend-pubsub/subscriber":              "backend/pubsub/subscriber",
		"github.com/devopsfaith/krakend/transport/http/client/graphql":  "backend/graphql",
		"github.com/devopsfaith/krakend/http":                           "backend/http",
		"github_com/devopsfaith/krakend-gelf":                           "telemetry/gelf",
		"github_com/devopsfaith/krakend-gologging":                      "telemetry/logging",
		"github_com/devopsfaith/krakend-logstash":                       "telemetry/logstash",
		"github_com/devopsfaith/krakend-metrics":                        "telemetry/metrics",
		"github_com/letgoapp/krakend-influx":                            "telemetry/influx",
		"github_com/devopsfaith/krakend-opencensus":                     "telemetry/opencensus",
		"github.com/devopsfaith/krakend-lua/router":                     "modifier/lua-endpoint",
		"github.com/devopsfaith/krakend-lua/proxy":                      "modifier/lua-proxy",
		"github.com/devopsfaith/krakend-lua/proxy/backend":              "modifier/lua-backend",
		"github.com/devopsfaith/krakend-martian":                        "modifier/martian",
	}
	if !maps.Equal(legacy, long) {
		t.Errorf("the names differ from the reference: %v", legacy)
	}
	swap := strings.NewReplacer("github.com", "github_com", "github_com", "github.com")
	for name, short := range long {
		if got, known := canonical(name); got != short || !known {
			t.Errorf("%s: got %s, %v", name, got, known)
		}
		if got, known := canonical(swap.Replace(name)); got != short || known {
			t.Errorf("%s: got %s, %v", swap.Replace(name), got, known)
		}
	}
	for _, rate := range []string{"router", "proxy"} { // KrakenD reads their short names only
		if got, known := canonical("github.com/devopsfaith/krakend-ratelimit/juju/" + rate); got != "qos/ratelimit/"+rate || known {
			t.Errorf("%s: got %s, %v", rate, got, known)
		}
	}
}

// KrakenD v3, 1.9: every option of the router, written weakly; those that change
// nothing here are known all the same. use_h2c has an older place there.
func TestRouterOptionsAreRead(t *testing.T) {
	s := parse(t, "k.json", `{"version":3,"endpoints":[],"extra_config":{"router":{
		"error_body":{"404":{"b":1,"a":"<"},"405":[]},"auto_options":"true","disable_access_log":1,"logger_skip_paths":"/x","disable_health":"1","health_path":"/up",
		"disable_handle_method_not_allowed":true,"disable_path_decoding":true,"disable_redirect_fixed_path":true,"disable_redirect_trailing_slash":"T",
		"forwarded_by_client_ip":"true","remote_ip_headers":["x-client"],"trusted_proxies":"10.0.0.0/8","hide_version_header":true,"max_multipart_memory":1024,
		"remove_extra_slash":true,"return_error_msg":true,"use_h2c":"true","app_engine":false,"disable_gzip":true,"max_payload":"10"}}}`)
	want := Router{
		ErrorBody404: []byte(`{"a":"\u003c","b":1}`), ErrorBody405: []byte(`{}`), AutoOptions: true, DisableAccessLog: true, LoggerSkipPaths: []string{"/x"},
		DisableHealth: true, HealthPath: "/up", DisableHandleMethodNotAllowed: true, DisablePathDecoding: true, DisableRedirectFixedPath: true,
		DisableRedirectTrailingSlash: true, RemoteIPHeaders: []string{"X-Client"}, TrustedProxies: []string{"10.0.0.0/8"}, HideVersionHeader: true,
		RemoveExtraSlash: true, ReturnErrorMsg: true, MaxPayload: 10,
	}
	if !reflect.DeepEqual(s.Router, want) || !s.UseH2C || len(s.Warnings) > 0 {
		t.Errorf("\n got %+v\nwant %+v\nh2c %v, warnings %q", s.Router, want, s.UseH2C, s.Warnings)
	}
}
