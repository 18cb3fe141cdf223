package config

import (
	"cmp"
	"net/netip"
	"strings"
	"time"
)

// OpenTelemetry is extra_config."telemetry/opentelemetry" (KrakenD v3, 5), with at
// least one exporter.
type OpenTelemetry struct {
	Name, Version, Environment string // of the service; only Name is never empty
	OTLP                       []OTLP
	Scrapes                    []Scrape
	SampleRate                 float64 // from 0 to 1, default 1
	// SkipPaths are left out; one that ends in / with everything below it. The
	// reference does not say how KrakenD compares them.
	SkipPaths              []string
	Global, Proxy, Backend Layer
}

// OTLP is a collector that metrics and traces are sent to.
type OTLP struct {
	Name            string
	Host            string
	Port            int           // default 4317
	HTTP            bool          // instead of gRPC
	Metrics, Traces bool          // which of them
	Every           time.Duration // that metrics are sent, default 30s
	TLS             *ClientTLS    // nil: none, as KrakenD has it
}

// Scrape is a listener that Prometheus asks.
type Scrape struct {
	Name        string
	ListenIP    string // default 0.0.0.0
	Port        int    // default 9090
	Process, Go bool   // tell about the process, about Go's runtime
}

// Layer is how much one layer tells.
type Layer struct{ Metrics, Traces bool }

const (
	defaultReportingPeriod = 30 * time.Second
	defaultOTLPPort        = 4317
	defaultScrapePort      = 9090
)

var defaultSkipPaths = []string{"/__health", "/__debug/", "/__echo/", "/__stats/"}

// openTelemetry reads telemetry/opentelemetry; service is the file's name.
func (b *block) openTelemetry(service string) *OpenTelemetry {
	if b == nil {
		return nil
	}
	t := &OpenTelemetry{
		Name:        cmp.Or(b.text("service_name"), service, "gatemeter"),
		Version:     b.text("service_version"),
		Environment: b.text("deploy_env"),
		SampleRate:  b.share("trace_sample_rate", 1),
		SkipPaths:   defaultSkipPaths,
	}
	if paths := b.texts("skip_paths"); b.has("skip_paths") {
		t.SkipPaths = paths
	}
	every := cmp.Or(b.wholeSeconds("metric_reporting_period"), defaultReportingPeriod)
	if exporters := b.object("exporters"); exporters != nil {
		for o := range exporters.objects("otlp") {
			t.OTLP = append(t.OTLP, o.otlp(every))
		}
		for o := range exporters.objects("prometheus") {
			if s, on := o.scrape(); on {
				t.Scrapes = append(t.Scrapes, s)
			}
		}
		exporters.close(nil)
	}
	t.Global, t.Proxy, t.Backend = Layer{true, true}, Layer{true, true}, Layer{true, true}
	if layers := b.object("layers"); layers != nil {
		t.Global = layers.object("global").layer()
		t.Proxy = layers.object("proxy").layer()
		t.Backend = layers.object("backend").backendLayer()
		layers.close(nil)
	}
	if len(t.OTLP) == 0 && len(t.Scrapes) == 0 {
		b.warn(b.at("exporters"), "nobody is told anything: name an exporter in otlp or prometheus")
		t = nil
	}
	b.close(nil)
	return t
}

func (b *block) otlp(every time.Duration) OTLP {
	o := OTLP{
		Name:    b.text("name"),
		Host:    b.text("host"),
		Port:    cmp.Or(b.number("port", 65535), defaultOTLPPort),
		HTTP:    b.flag("use_http"),
		Metrics: !b.flag("disable_metrics"),
		Traces:  !b.flag("disable_traces"),
		Every:   cmp.Or(b.wholeSeconds("custom_metric_reporting_period"), every),
	}
	if t := b.object("tls"); t != nil { // gatemeter's own: with client_tls' keys
		o.TLS = &ClientTLS{}
		t.clientTLSInto(o.TLS)
	}
	_, err := netip.ParseAddr(o.Host)
	switch {
	case o.Host == "":
		b.problem(b.at("host"), "missing: the host of the collector, such as 10.0.0.1 or collector.internal")
	case err != nil && strings.ContainsAny(o.Host, ":/@?# "):
		b.problem(b.at("host"), "must be a host alone, such as 10.0.0.1 or collector.internal: the port is in port, and use_http picks the protocol (got %s)", show(o.Host))
	}
	b.close(nil)
	return o
}

// scrape reads a listener; on is false where it is switched off.
func (b *block) scrape() (s Scrape, on bool) {
	s = Scrape{
		Name:     b.text("name"),
		ListenIP: cmp.Or(b.listenIP(), "0.0.0.0"),
		Port:     cmp.Or(b.number("port", 65535), defaultScrapePort),
		Process:  b.flag("process_metrics"),
		Go:       b.flag("go_metrics"),
	}
	on = !b.flag("disable_metrics")
	b.close(nil)
	return s, on
}

// layer reads what a layer tells: everything, where it is not there.
func (b *block) layer() Layer {
	if b == nil {
		return Layer{Metrics: true, Traces: true}
	}
	l := Layer{Metrics: !b.flag("disable_metrics"), Traces: !b.flag("disable_traces")}
	b.notYet("report_headers", "disable_propagation", "metrics_static_attributes", "traces_static_attributes", "semantic_convention")
	b.close(nil)
	return l
}

// backendLayer reads layers.backend, whose switches KrakenD has in metrics and
// traces.
func (b *block) backendLayer() Layer {
	if b == nil {
		return Layer{Metrics: true, Traces: true}
	}
	l := Layer{Metrics: b.stage("metrics"), Traces: b.stage("traces")}
	b.close(nil)
	return l
}

// stage reports whether calls to backends tell their metrics, or traces.
func (b *block) stage(key string) bool {
	on := !b.flag("disable_" + key)
	o := b.object(key)
	if o == nil {
		return on
	}
	on = !o.flag("disable_stage") && on
	o.notYet("round_trip", "read_payload", "detailed_connection", "report_headers", "static_attributes")
	o.close(nil)
	return on
}

// notYet makes keys known that are ignored, and change no answer.
func (b *block) notYet(keys ...string) {
	for _, key := range keys {
		if v, path, ok := b.find(key); ok && !empty(v) {
			b.warn(path, "not supported yet, ignored")
		}
	}
}

// longestPeriod bounds a period, in seconds: a day.
const longestPeriod = 24 * 60 * 60

// wholeSeconds reads a period, a day at most; 0 is the default.
func (b *block) wholeSeconds(key string) time.Duration {
	return time.Duration(b.number(key, longestPeriod)) * time.Second
}

// share reads a number from 0 to 1.
func (b *block) share(key string, absent float64) float64 {
	v, path, ok := b.scalar(key)
	if !ok {
		return absent
	}
	n, ok := asFloat(v)
	if !ok || !(n >= 0 && n <= 1) {
		b.problem(path, "must be a number from 0 to 1 (got %s)", show(v))
		return absent
	}
	return n
}
