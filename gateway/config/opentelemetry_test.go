package config

import (
	"reflect"
	"testing"
	"time"
)

func openTelemetryOf(t *testing.T, file string) *OpenTelemetry {
	t.Helper()
	s, err := Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s.OpenTelemetry
}

func TestOpenTelemetryIsReadAsItIsWritten(t *testing.T) {
	got := openTelemetryOf(t, "testdata/good/opentelemetry.json")
	want := &OpenTelemetry{
		Name: "shop", Version: "1.4", Environment: "production",
		OTLP: []OTLP{
			{
				Name: "grpc", Host: "collector.internal", Port: 4317, Metrics: true, Traces: true, Every: 10 * time.Second,
				TLS: &ClientTLS{CACerts: []string{"ca.pem"}, MinVersion: "TLS12", MaxVersion: "TLS13"},
			},
			{Name: "http", Host: "::1", Port: 4318, HTTP: true, Traces: true, Every: 5 * time.Second},
		},
		Scrapes:    []Scrape{{Name: "scrape", ListenIP: "127.0.0.1", Port: 9091, Go: true}},
		SampleRate: 0.25,
		SkipPaths:  []string{"/ping", "/internal/"},
		Global:     Layer{Metrics: true},
		Proxy:      Layer{Traces: true},
		Backend:    Layer{Traces: true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestOpenTelemetryHasDefaults(t *testing.T) {
	s, err := Parse("krakend.json", []byte(`{"version": 3, "extra_config": {"telemetry/opentelemetry": {"exporters": {
		"otlp": [{"name": "a", "host": "127.0.0.1"}], "prometheus": [{"name": "b"}]}}}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &OpenTelemetry{
		Name:       "gatemeter",
		OTLP:       []OTLP{{Name: "a", Host: "127.0.0.1", Port: 4317, Metrics: true, Traces: true, Every: 30 * time.Second}},
		Scrapes:    []Scrape{{Name: "b", ListenIP: "0.0.0.0", Port: 9090}},
		SampleRate: 1,
		SkipPaths:  []string{"/__health", "/__debug/", "/__echo/", "/__stats/"},
		Global:     Layer{Metrics: true, Traces: true},
		Proxy:      Layer{Metrics: true, Traces: true},
		Backend:    Layer{Metrics: true, Traces: true},
	}
	if !reflect.DeepEqual(s.OpenTelemetry, want) {
		t.Errorf("got %+v\nwant %+v", s.OpenTelemetry, want)
	}
}

// A backend's own word goes before its endpoint's, which goes before that of the root.
func TestAnEndpointAndABackendSayWhatTheyTell(t *testing.T) {
	s, err := Load("testdata/good/opentelemetry.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	e := &s.Endpoints[0]
	if e.Told == nil || *e.Told != (Layer{Metrics: true}) {
		t.Errorf("the endpoint tells %v", e.Told)
	}
	for i, want := range []*Layer{{Metrics: true}, {Traces: true}} {
		if got := e.Backends[i].Told; got == nil || *got != *want {
			t.Errorf("backend %d tells %v, want %v", i, got, want)
		}
	}
	if other := &s.Endpoints[1]; other.Told != nil || other.Backends[0].Told != nil {
		t.Errorf("an endpoint that says nothing tells %v and %v", other.Told, other.Backends[0].Told)
	}
}

func TestOpenTelemetryWithoutExportersIsNotThere(t *testing.T) {
	if got := openTelemetryOf(t, "testdata/good/opentelemetry-nobody.json"); got != nil {
		t.Errorf("got %+v", got)
	}
}
