package config

import (
	"cmp"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func environment(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func parse(t *testing.T, file, text string, env ...string) *Service {
	t.Helper()
	s, err := Parse(file, []byte(text), environment(env...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// oneBackend is a file with one endpoint and one backend, given as JSON.
func oneBackend(endpoint, backend string) string {
	return `{"version":3,"host":["http://b"],"endpoints":[{"endpoint":"/a/{id}",` + endpoint + `"backend":[{"url_pattern":"/",` + backend + `"@":0}]}]}`
}

func TestDefaultsAreKrakenDs(t *testing.T) {
	got := parse(t, "k.json", `{"version":3,"endpoints":[{"endpoint":"/a","backend":[{"host":["b"],"url_pattern":"/"}]}]}`)
	want := &Service{
		Port:                      8080,
		Timeout:                   2 * time.Second,
		OutputEncoding:            "json",
		MaxIdleConnectionsPerHost: 250,
		DialerFallbackDelay:       300 * time.Millisecond,
		DialerKeepAlive:           15 * time.Second,
		Router:                    Router{HealthPath: "/__health"},
		Logging:                   Logging{Level: "INFO", Stdout: true, SyslogFacility: "local3", Format: "default"},
		Endpoints: []Endpoint{{
			Path: "/a", Method: "GET", Timeout: 2 * time.Second, OutputEncoding: "json",
			Backends: []Backend{{URLPattern: "/", Method: "GET", Hosts: []string{"http://b"}, Encoding: "json"}},
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

func TestShopIsReadAsWritten(t *testing.T) {
	s, err := Load("testdata/good/shop.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []Endpoint{
		{
			Path: "/v1/products", Method: "GET", Timeout: 3 * time.Second, CacheTTL: 5 * time.Minute, OutputEncoding: "json",
			InputQueryStrings: []string{"page", "limit", "q"},
			Backends: []Backend{{
				URLPattern: "/products?sort=name", Method: "GET", Hosts: []string{"http://catalogue:8080"}, Encoding: "json",
				IsCollection: true, Allow: []string{"collection"}, Mapping: map[string]string{"collection": "products"},
			}},
		},
		{
			Path: "/v1/products/{id}", Method: "GET", Params: []string{"id"}, Timeout: 800 * time.Millisecond, CacheTTL: time.Hour, OutputEncoding: "json",
			Backends: []Backend{{
				URLPattern: "/products/{id}", Method: "GET", Hosts: []string{"http://catalogue:8080"}, Encoding: "json",
				Target: "data", Group: "product", Deny: []string{"cost", "supplier.contact"}, ErrorDetails: "catalogue",
			}},
		},
		{
			Path: "/v1/orders", Method: "POST", Timeout: 10 * time.Second, CacheTTL: 5 * time.Minute, OutputEncoding: "no-op",
			InputHeaders: []string{"Content-Type", "Authorization", "X-Request-Id"},
			Backends: []Backend{{
				URLPattern: "/orders", Method: "POST", Hosts: []string{"https://orders.internal.example"}, Encoding: "no-op",
			}},
		},
		{
			Path: "/v1/orders/{order}/lines/{line}", Method: "DELETE", Params: []string{"order", "line"},
			Timeout: 3 * time.Second, CacheTTL: 5 * time.Minute, OutputEncoding: "no-op",
			InputHeaders: []string{"*"}, InputQueryStrings: []string{"*"},
			Backends: []Backend{{
				URLPattern: "/orders/{order}/lines/{line}?hard=true", Method: "DELETE",
				Hosts: []string{"http://orders-1:9000", "http://orders-2:9000"}, Encoding: "no-op",
			}},
		},
		{
			Path: "/v1/feed", Method: "GET", Timeout: 3 * time.Second, CacheTTL: 5 * time.Minute, OutputEncoding: "string",
			Backends: []Backend{{
				URLPattern: "/latest", Method: "GET", Hosts: []string{"http://feed:8080/api/v2/"}, Encoding: "string", ReturnErrorCode: true,
			}},
		},
	}
	for i := range max(len(want), len(s.Endpoints)) {
		if i >= len(want) || i >= len(s.Endpoints) || !reflect.DeepEqual(s.Endpoints[i], want[i]) {
			t.Fatalf("endpoint %d:\n got %+v\nwant %+v", i, slices.Concat(s.Endpoints, make([]Endpoint, 9))[i], slices.Concat(want, make([]Endpoint, 9))[i])
		}
	}
	wantRouter := Router{
		ErrorBody404: []byte(`{"code":404,"error":"no such thing"}`), AutoOptions: true, DisableAccessLog: true,
		LoggerSkipPaths: []string{"/__health"}, HealthPath: "/healthz",
		TrustedProxies: []string{"10.0.0.0/8", "192.168.1.1"}, HideVersionHeader: true, ReturnErrorMsg: true,
	}
	if !reflect.DeepEqual(s.Router, wantRouter) {
		t.Errorf("router:\n got %+v\nwant %+v", s.Router, wantRouter)
	}
	if want := (Logging{Level: "WARNING", Prefix: "[SHOP]", Stdout: true, SyslogFacility: "local3", Format: "default", Set: true}); !reflect.DeepEqual(s.Logging, want) {
		t.Errorf("logging: got %+v, want %+v", s.Logging, want)
	}
	if s.Metrics == nil || *s.Metrics != (Metrics{ListenAddress: ":8090", CollectionTime: time.Minute}) {
		t.Errorf("metrics: got %+v", s.Metrics)
	}
	if m := s.Moesif; m == nil || m.ApplicationID != "shop-app" || m.BatchSize != 100 || m.UserIDJWTClaim != "account.id" ||
		!slices.Equal(m.ResponseBodyMasks, []string{"password"}) {
		t.Errorf("moesif: got %+v", m)
	}
}

func TestThreeFormatsSayTheSame(t *testing.T) {
	var first *Service
	for _, format := range []string{"json", "yaml", "toml"} {
		s, err := Load("testdata/good/trio."+format, nil)
		if err != nil {
			t.Fatal(err)
		}
		first = cmp.Or(first, s)
		if !reflect.DeepEqual(s, first) {
			t.Errorf("%s:\n got %+v\nwant %+v", format, s, first)
		}
	}
	if string(first.Router.ErrorBody405) != `{"ok":false}` || first.TLS.MaxVersion != "TLS13" || first.Endpoints[0].Backends[0].Hosts[1] != "https://b/base" {
		t.Errorf("got %+v", first)
	}
}

func TestWeakTypesAreSettled(t *testing.T) {
	s, err := Load("testdata/good/weak.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Endpoint{
		Path: "/a/{id}.json", Method: "GET", Params: []string{"id"}, Timeout: 90 * time.Minute, OutputEncoding: "json",
		InputHeaders: []string{"X-Request-Id"}, InputQueryStrings: []string{"q"},
		Backends: []Backend{{URLPattern: "/a/{id}", Method: "GET", Hosts: []string{"http://b:9"}, Encoding: "json", Mapping: map[string]string{"id": "7"}}},
	}
	if s.Port != 8081 || !s.DebugEndpoint || !s.DisableREST || !reflect.DeepEqual(s.Endpoints, []Endpoint{want}) {
		t.Errorf("got %+v", s)
	}
}

func TestEnvironmentReplacesRootKeys(t *testing.T) {
	file := `{"version":3,"port":8081,"Timeout":"1s","tls":{"disabled":true},"endpoints":[]}`
	s := parse(t, "k.json", file,
		"KRAKEND_PORT", "9000", "KRAKEND_TIMEOUT", "5s", "KRAKEND_NAME", "from outside", "KRAKEND_HOST", "http://a",
		"KRAKEND_DEBUG_ENDPOINT", "1", "KRAKEND_LISTEN_IP", "::1", "KRAKEND_CACHE_TTL", "", "PORT", "1")
	if s.Port != 9000 || s.Timeout != 5*time.Second || s.Name != "from outside" || !slices.Equal(s.Host, []string{"http://a"}) ||
		!s.DebugEndpoint || s.ListenIP != "::1" || s.CacheTTL != 0 {
		t.Errorf("got %+v", s)
	}
}

func TestEnvironmentIsCheckedLikeTheFile(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"KRAKEND_PORT", "x", `KRAKEND_PORT: must be a whole number from 0 to 65535 (got "x")`},
		{"KRAKEND_TIMEOUT", "3000", `KRAKEND_TIMEOUT: must be a duration such as 300ms, 2s or 1h30m (got "3000")`},
		{"KRAKEND_HOST", "http://a,http://b", `KRAKEND_HOST: a port is a number from 1 to 65535 (got "http://a,http://b")`},
		{"KRAKEND_VERSION", "2", `KRAKEND_VERSION: must be 3 (got "2")`},
		{"KRAKEND_LISTEN_IP", "here", `KRAKEND_LISTEN_IP: must be an IP address such as 127.0.0.1 or :: (got "here")`},
		{"GATEMETER_COLLECTOR_URL", "nowhere", `GATEMETER_COLLECTOR_URL: must be an http or https URL of a host, like https://api.moesif.net (got "nowhere")`},
	} {
		file := `{"version":3,"endpoints":[],"extra_config":{"telemetry/moesif":{"application_id":"a","user_id_headers":["X-User"]}}}`
		_, err := Parse("k.json", []byte(file), environment(c.name, c.value))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s=%s:\n got %v\nwant %s", c.name, c.value, err, c.want)
		}
	}
}

func TestApplicationIDMayComeFromTheEnvironment(t *testing.T) {
	file := `{"version":3,"endpoints":[],"extra_config":{"telemetry/moesif":{"user_id_headers":["X-User"]}}}`
	s := parse(t, "k.json", file, "GATEMETER_APPLICATION_ID", "outside")
	if s.Moesif == nil || s.Moesif.ApplicationID != "outside" {
		t.Errorf("got %+v", s.Moesif)
	}
	s = parse(t, "k.json", `{"version":3,"endpoints":[]}`, "GATEMETER_APPLICATION_ID", "outside")
	if want := "GATEMETER_APPLICATION_ID: has no effect: there is no telemetry/moesif in extra_config"; s.Moesif != nil || !slices.Contains(s.Warnings, want) {
		t.Errorf("got %+v, warnings %q", s.Moesif, s.Warnings)
	}
}

func TestLastOfDuplicateKeysCounts(t *testing.T) {
	s := parse(t, "k.json", `{"version":2,"version":3,"port":1,"PORT":2,"port":3,
		"extra_config":{"router":{"auto_options":true}},"extra_config":{"router":{"return_error_msg":true}},"endpoints":[]}`)
	if s.Port != 3 || s.Router.AutoOptions || !s.Router.ReturnErrorMsg {
		t.Errorf("got %+v", s)
	}
	want := []string{
		"version: stands twice; the last one counts (line 1)",
		"port: stands twice; the last one counts (line 1)",
		"extra_config: stands twice; the last one counts (line 2)",
		"PORT: another spelling of port, which counts",
	}
	if !slices.Equal(s.Warnings, want) {
		t.Errorf("got %q", s.Warnings)
	}
}

func TestBareNumbersAreNanoseconds(t *testing.T) {
	s := parse(t, "k.json", `{"version":3,"timeout":3000,"cache_ttl":0,"endpoints":[]}`)
	want := []string{`timeout: a number without a unit is read as nanoseconds (3µs): write "3000ms" or "3000s"`}
	if s.Timeout != 3*time.Microsecond || !slices.Equal(s.Warnings, want) {
		t.Errorf("got %v, %q", s.Timeout, s.Warnings)
	}
}

func TestUnreadableFilesAreNamed(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent.json")
	for file, want := range map[string]string{
		absent:                 absent + ": cannot be read: no such file or directory",
		filepath.Dir(absent):   filepath.Dir(absent) + ": cannot be read: is a directory",
		"testdata/good/-.json": "testdata/good/-.json: cannot be read: no such file or directory",
	} {
		if _, err := Load(file, os.LookupEnv); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestEncodingsAreSettled(t *testing.T) {
	for _, c := range []struct{ endpoint, backend, output, encoding string }{
		{``, ``, "json", "json"},
		{`"output_encoding":"no-op",`, `"encoding":"xml",`, "no-op", "no-op"},
		{`"output_encoding":"fast-json",`, `"encoding":"fast-json",`, "json", "json"},
		{`"output_encoding":"what",`, `"encoding":"string",`, "string", "string"},
		{`"output_encoding":"no-op",`, `"encoding":"rss",`, "no-op", "no-op"},
		{`"output_encoding":"what",`, `"encoding":"form",`, "json", "json"},
		{`"output_encoding":"json-collection",`, `"encoding":"safejson",`, "json-collection", "safejson"},
	} {
		e := parse(t, "k.json", oneBackend(c.endpoint, c.backend)).Endpoints[0]
		if e.OutputEncoding != c.output || e.Backends[0].Encoding != c.encoding {
			t.Errorf("%s %s: got %s, %s", c.endpoint, c.backend, e.OutputEncoding, e.Backends[0].Encoding)
		}
	}
}

func TestDisabledTLSNeedNotBeRight(t *testing.T) {
	s := parse(t, "k.json", `{"version":3,"tls":{"disabled":"true","min_version":"old","keys":[{}]},"endpoints":[]}`)
	if s.TLS != nil {
		t.Errorf("got %+v", s.TLS)
	}
}

func TestServerTLSReadsOnePairOfOlderFiles(t *testing.T) {
	s := parse(t, "k.toml", "version = 3\n[tls]\npublic_key = 'c.pem'\nprivate_key = 'c.key'\nenable_mtls = true\nca_certs = 'ca.pem'")
	want := &TLS{Keys: []KeyPair{{"c.pem", "c.key"}}, MinVersion: "TLS13", MaxVersion: "TLS13", EnableMTLS: true, CACerts: []string{"ca.pem"}}
	if !reflect.DeepEqual(s.TLS, want) {
		t.Errorf("got %+v", s.TLS)
	}
}

// What protects a file under one of its names must not be dropped under another.
func TestEveryNameOfAProtectionIsRefused(t *testing.T) {
	names := slices.Clone(guarded)
	for long := range forgotten {
		names = append(names, long)
	}
	for _, name := range names {
		short, _ := canonical(name)
		if _, isServed := served[short]; isServed || strings.HasPrefix(short, "telemetry/") {
			continue
		}
		for _, c := range []string{
			`{"version":3,"extra_config":{"` + name + `":{}}}`,
			oneBackend(`"extra_config":{"`+name+`":{}},`, ""),
			oneBackend("", `"extra_config":{"`+name+`":[{}]},`),
		} {
			if _, err := Parse("k.json", []byte(c), nil); err == nil || !strings.Contains(err.Error(), name+": not supported yet") {
				t.Errorf("%s: got %v", c, err)
			}
		}
	}
}

func TestLegacyNamesAreRead(t *testing.T) {
	for _, name := range []string{"github_com/luraproject/lura/router/gin", "github.com/luraproject/lura/router/gin", "router"} {
		s := parse(t, "k.json", `{"version":3,"endpoints":[],"extra_config":{"`+name+`":{"return_error_msg":true}}}`)
		if !s.Router.ReturnErrorMsg {
			t.Errorf("%s is not read", name)
		}
		if warned := len(s.Warnings) > 0; warned != strings.HasPrefix(name, "github.com") {
			t.Errorf("%s: warnings %q", name, s.Warnings)
		}
	}
}
