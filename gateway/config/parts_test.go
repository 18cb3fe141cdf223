package config

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestHostsAreSanitised(t *testing.T) {
	for written, want := range map[string]string{
		"b":                          "http://b",
		"b:8080":                     "http://b:8080",
		"b/":                         "http://b",
		"http://b:9":                 "http://b:9",
		"https://my_host-1.example/": "https://my_host-1.example",
		"http://b/base/":             "http://b/base",
		"http://b//base/v%201":       "http://b/base/v%201",
		"[::1]":                      "http://[::1]",
		"http://[::1]:8080/base":     "http://[::1]:8080/base",
		"http://[fe80::1%25eth0]":    "http://[fe80::1%25eth0]",
		"http://[fe80::1%eth0]":      "",
		"http://[127.0.0.1]":         "",
		"http://[::1":                "",
		"http://b:65536":             "",
		"http://b:-1":                "",
		"http://b:+1":                "",
		"http://":                    "",
		"https:/b":                   "",
		"http://b#frag":              "",
		"http://b/a#frag":            "",
		"http://b/a?":                "",
		"http://b\\c":                "",
		"http://bücher":              "",
	} {
		got, err := sanitiseHost(written)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v, want %q", written, got, err, want)
		}
	}
}

func TestUnsanitisedHostsMustBeURLs(t *testing.T) {
	for written, usable := range map[string]bool{
		"http://b/":               true,
		"HTTPS://B/base":          true,
		"http://user:secret@b":    false,
		"b":                       false,
		"b:80":                    false,
		"amqp://b":                false,
		"http://":                 false,
		"http://b?x":              false,
		"http://b/%zz":            false,
		"http:///only-a-path":     false,
		"http://a b":              false,
		"http://b:port":           false,
		"http://[::1]:8080/v1/#x": false,
	} {
		if err := usableHost(written); (err == nil) != usable {
			t.Errorf("%s: got %v", written, err)
		}
	}
}

func TestParametersOfAPath(t *testing.T) {
	for _, c := range []struct {
		path     string
		anywhere bool
		names    []string
		literal  []string
	}{
		{"/", false, nil, nil},
		{"/users/{id}/x/{a-b_C9}", false, []string{"id", "a-b_C9"}, nil},
		{"/users/{id}.json", false, nil, []string{"{id}.json"}},
		{"/users/{id}.json", true, []string{"id"}, nil},
		{"/{from}-{to}/{a.b:c}", true, []string{"from", "to", "a.b:c"}, nil},
		{"/{a.b}", false, nil, []string{"{a.b}"}},
		{"/{}/{/}/x}", true, nil, []string{"{}", "{", "}", "x}"}},
		{"/{ö}", true, nil, []string{"{ö}"}},
	} {
		names, literal := pathParams(c.path, c.anywhere)
		if !slices.Equal(names, c.names) || !slices.Equal(literal, c.literal) {
			t.Errorf("%s: got %q, %q", c.path, names, literal)
		}
	}
}

func TestValuesAreReadWeakly(t *testing.T) {
	type number struct {
		n  int64
		ok bool
	}
	for v, want := range map[any]number{
		json.Number("8080"):                 {8080, true},
		json.Number("8.08e3"):               {8080, true},
		json.Number("8080.5"):               {0, false},
		json.Number("1e400"):                {0, false},
		json.Number("9007199254740993"):     {9007199254740993, true},
		json.Number("99999999999999999999"): {0, false},
		int64(-3):                           {-3, true},
		2.0:                                 {2, true},
		math.NaN():                          {0, false},
		math.Inf(1):                         {0, false},
		"0x10":                              {16, true},
		"":                                  {0, true},
		" 1":                                {0, false},
		true:                                {1, true},
	} {
		if n, ok := asInt(v); n != want.n || ok != want.ok {
			t.Errorf("%#v as a number: got %d, %v", v, n, ok)
		}
	}
	for v, want := range map[any]string{json.Number("1.50"): "1.50", int64(7): "7", 0.5: "0.5", true: "1", false: "0", "x": "x"} {
		if s, ok := asText(v); s != want || !ok {
			t.Errorf("%#v as text: got %q, %v", v, s, ok)
		}
	}
	for v, want := range map[any]bool{"T": true, "true": true, "1": true, "0": false, "": false, int64(2): true, json.Number("0"): false} {
		if is, ok := asBool(v); is != want || !ok {
			t.Errorf("%#v as a flag: got %v, %v", v, is, ok)
		}
	}
	for v, want := range map[any]time.Duration{"1h30m": 90 * time.Minute, "0": 0, "2.5s": 2500 * time.Millisecond, json.Number("1e9"): time.Second, int64(5): 5} {
		if d, _, ok := asDuration(v); d != want || !ok {
			t.Errorf("%#v as a duration: got %v, %v", v, d, ok)
		}
	}
	for _, v := range []any{"", "3", "1 s", "1d", math.NaN(), math.Inf(-1), 1e30, true, nil, []any{}} {
		if d, _, ok := asDuration(v); ok {
			t.Errorf("%#v as a duration: got %v", v, d)
		}
	}
}

func TestMisspeltWordsAreRecognised(t *testing.T) {
	known := []string{"timeout", "input_headers", "host", "name", "tls"}
	for word, want := range map[string]string{
		"timout": "timeout", "tiemout": "timeout", "time_out": "timeout", "TIMEOUTS": "timeout", "input-headers": "input_headers",
		"hosts": "host", "nmae": "name", "tsl": "tls", "hots": "host", "zz": "", "completely": "", "": "", "input_query": "",
	} {
		if got := nearest(word, known); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}

func TestLongAndOddValuesStayOnOneLine(t *testing.T) {
	long := make([]byte, 1000)
	for i := range long {
		long[i] = '\n'
	}
	if got := show(string(long)); len(got) > 2*longestShown+10 {
		t.Errorf("got %d bytes", len(got))
	}
	if got, want := under("a", "b\nc"), `a."b\nc"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPatternsOfLogsAreRead(t *testing.T) {
	s := parse(t, "k.json", `{"version": 3, "extra_config": {"telemetry/logging": {"level": "error", "syslog": true, "stdout": true, "prefix": "[P]",
		"format": "CUSTOM", "custom_format": "a %{time:2006/01/02 - 15:04:05.000} %{color}▶ %{level:.6s}%{color:reset} %{message}!",
		"access_log_format": "custom", "access_log_custom_format": "%h %>s %{user-agent}i 100%%"}}}`)
	want := Logging{
		Level: "ERROR", Prefix: "[P]", Stdout: true, Syslog: true, SyslogFacility: "local3", Format: "custom", Set: true,
		Custom: []LogPart{
			{Text: "a "}, {Verb: "time", Layout: "2006/01/02 - 15:04:05.000"}, {Text: " "}, {Verb: "color"}, {Text: "▶ "},
			{Verb: "level", Layout: ".6s"}, {Verb: "color", Layout: "reset"}, {Text: " "}, {Verb: "message"}, {Text: "!"},
		},
		Access: AccessLog{Format: "custom", Custom: []LogPart{
			{Verb: "h"}, {Text: " "}, {Verb: "s"}, {Text: " "}, {Verb: "i", Layout: "User-Agent"}, {Text: " 100"}, {Text: "%"},
		}},
	}
	if !reflect.DeepEqual(s.Logging, want) {
		t.Errorf("got  %+v\nwant %+v", s.Logging, want)
	}
	// What a block does not say, and what no block says: level is KrakenD's only required
	// key, DEBUG without a block (docs/migrating-from-krakend.md tells of INFO).
	least := Logging{Level: "INFO", Format: "default", SyslogFacility: "local3", Set: true}
	if s := parse(t, "k.json", `{"version": 3, "extra_config": {"telemetry/logging": {}}}`); !reflect.DeepEqual(s.Logging, least) ||
		!slices.Contains(s.Warnings, "extra_config.telemetry/logging.level: missing, INFO is taken (one of DEBUG, INFO, WARNING, ERROR, CRITICAL)") {
		t.Errorf("got %+v, %q", s.Logging, s.Warnings)
	}
	least.Set, least.Stdout = false, true
	if s := parse(t, "k.json", `{"version": 3}`); !reflect.DeepEqual(s.Logging, least) {
		t.Errorf("got %+v", s.Logging)
	}
	for written, format := range map[string]string{"default": "", "": "", "httpdcombine": "httpdCombined", "json": "json"} {
		s := parse(t, "k.json", `{"version": 3, "extra_config": {"telemetry/logging": {"level": "INFO", "access_log_format": "`+written+`"}}}`)
		if s.Logging.Access.Format != format || s.Logging.Format != "default" {
			t.Errorf("%s: got %+v", written, s.Logging)
		}
	}
}

func TestBoundsAndAddressesOfTheRouter(t *testing.T) {
	s := parse(t, "k.json", string(read(t, "testdata/good/router.json")))
	r := s.Router
	if r.MaxPayload != 1<<20 || s.Endpoints[0].MaxPayload != 10 || !r.PeersAreClients || r.TrustedProxies != nil ||
		!slices.Equal(r.RemoteIPHeaders, []string{"X-Appengine-Remote-Addr", "X-Forwarded-For", "X-Real-Ip"}) {
		t.Errorf("got %+v, %+v", r, s.Endpoints[0])
	}
}
func TestSequenceIsRead(t *testing.T) {
	s, err := Load("testdata/good/sequence.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	p := s.Endpoints[0].Proxy
	if !p.Sequential || !slices.Equal(p.PropagatedParams, []string{"resp0_x", "resp0", "resp1_x", "id"}) {
		t.Errorf("got %+v", p)
	}
}

func TestProxyIsRead(t *testing.T) {
	s, err := Load("testdata/good/proxy.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	e := s.Endpoints[0]
	if e.ConcurrentCalls != 3 || e.Proxy.Static.Strategy != "errored" || e.Proxy.Static.Data["a"] != json.Number("1") {
		t.Errorf("got %+v", e)
	}
	if e.Backends[0].Proxy.Shadow || e.Backends[1].Proxy.ShadowTimeout != 10*time.Second || !e.Backends[1].Proxy.Shadow {
		t.Errorf("got %+v", e.Backends)
	}
	if s.Endpoints[1].Proxy.Static.Strategy != "always" || s.Endpoints[2].Proxy.Static != nil || s.Endpoints[3].Proxy.Static != nil {
		t.Errorf("got %+v", s.Endpoints[1:])
	}
}

func TestFlatmapIsRead(t *testing.T) {
	s, err := Load("testdata/good/flatmap.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	e := s.Endpoints[0]
	want := []FlatmapOp{{"move", []string{"a", "b"}}, {"del", []string{"x"}}}
	if got := e.Backends[0].Proxy.Flatmap; !reflect.DeepEqual(got, want) || e.Backends[0].Deny != nil || e.Backends[0].Mapping != nil {
		t.Errorf("got %+v", e.Backends[0])
	}
	if e.Backends[1].Proxy.Flatmap != nil || !slices.Equal(e.Backends[1].Allow, []string{"a"}) {
		t.Errorf("got %+v", e.Backends[1])
	}
	if got := e.Proxy.Flatmap; !reflect.DeepEqual(got, []FlatmapOp{{"del", []string{"a.*", "b.0"}}}) {
		t.Errorf("got %+v", got)
	}
}

func TestDiscoveryIsRead(t *testing.T) {
	s, err := Load("testdata/good/discovery.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Discovery{
		{Name: "_http._tcp.api.example.com", Scheme: "https", TTL: 30 * time.Second},
		{Name: "_root._tcp.example.com", Scheme: "http", TTL: 30 * time.Second},
	} {
		if got := s.Endpoints[i].Backends[0]; *got.Discovery != want || got.Hosts != nil {
			t.Errorf("got %+v, want %+v", got.Discovery, want)
		}
	}
}
