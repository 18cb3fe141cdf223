package audit

import (
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// Group 1: how bytes travel.
var transport = []rule{
	{"1.1.1", High, "tls is missing: clients reach the gateway in clear; set it, or see to it that something in front of the gateway ends TLS",
		about(func(s *config.Service) bool { return s.TLS == nil })},
	{"1.1.2", High, "tls.min_version is older than TLS 1.2: remove it (TLS13 is the default) or set TLS12",
		about(func(s *config.Service) bool {
			return s.TLS != nil && slices.Contains([]string{"SSL3.0", "TLS10", "TLS11"}, s.TLS.MinVersion)
		})},
	{"1.2.1", Critical, "client_tls.allow_insecure_connections is true: anybody between the gateway and its backends can read and change what passes; name the certificates in ca_certs instead",
		about(func(s *config.Service) bool { return s.ClientTLS.AllowInsecureConnections })},
}

// Group 2: what is shown to whom.
var exposure = []rule{
	{"2.1.1", High, "debug_endpoint is true: /__debug answers anybody; leave it to development",
		about(func(s *config.Service) bool { return s.DebugEndpoint })},
	{"2.1.2", High, "echo_endpoint is true: /__echo shows anybody what the gateway was sent; leave it to development",
		about(func(s *config.Service) bool { return s.EchoEndpoint })},
	{"2.1.3", Low, "router.hide_version_header is not set: every answer tells the gateway's version",
		about(func(s *config.Service) bool { return !s.Router.HideVersionHeader })},
	{"2.1.4", Medium, "router.return_error_msg is true: clients see the addresses and errors of backends",
		about(func(s *config.Service) bool { return s.Router.ReturnErrorMsg })},
	{"2.2.1", Medium, `input_headers is ["*"] at %s: cookies and internal headers of clients reach the backend; name those it needs`,
		endpoints(func(_ *config.Service, e *config.Endpoint) bool { return slices.Contains(e.InputHeaders, "*") })},
	{"2.2.2", Medium, `input_query_strings is ["*"] at %s: whatever clients invent reaches the backend; name those it needs`,
		endpoints(func(_ *config.Service, e *config.Endpoint) bool { return slices.Contains(e.InputQueryStrings, "*") })},
}

// Group 3: who calls.
var identity = []rule{
	{"3.3.1", High, "telemetry/moesif.block_listed_ips without router.trusted_proxies: any X-Forwarded-For is believed, so a listed address passes under another; name the proxies in front of the gateway",
		about(func(s *config.Service) bool {
			return s.Moesif != nil && s.Moesif.BlockListedIPs && len(s.Router.TrustedProxies) == 0
		})},
}

// Group 4: how much.
var limits = []rule{}

// slowEndpoint is how long an endpoint may take before it is worth a remark.
const slowEndpoint = 30 * time.Second

// Group 5: what goes wrong.
var reliability = []rule{
	{"5.1.1", Medium, "the timeout is longer than 30s at %s: callers and connections pile up behind a backend that hangs",
		endpoints(func(_ *config.Service, e *config.Endpoint) bool { return e.Timeout > slowEndpoint })},
	{"5.1.2", Medium, "write_timeout is shorter than the timeout of %s: answers are cut off without a status",
		endpoints(func(s *config.Service, e *config.Endpoint) bool {
			return s.WriteTimeout > 0 && s.WriteTimeout < e.Timeout
		})},
	{"5.2.1", Low, "max_shutdown_wait_time is not set: a stop waits for ever for the last open connection, until whoever asked for it kills the gateway",
		about(func(s *config.Service) bool { return s.MaxShutdownWaitTime == 0 })},
	{"5.2.2", Low, "disable_keep_alives is true: every call opens a connection of its own to the backend",
		about(func(s *config.Service) bool { return s.DisableKeepAlives })},
	{"5.2.3", Low, "router.disable_health is true: nothing in front of the gateway can see whether it is alive",
		about(func(s *config.Service) bool { return s.Router.DisableHealth })},
}

// Group 6: what is told about it.
var reporting = []rule{
	{"6.1.1", Medium, "telemetry/logging is at level DEBUG: it costs throughput, and shows more than a log should",
		about(func(s *config.Service) bool { return s.Logging.Set && s.Logging.Level == "DEBUG" })},
	{"6.1.2", Low, "telemetry/metrics is missing: there is nothing to watch the gateway by",
		about(func(s *config.Service) bool { return s.Metrics == nil })},
	{"6.2.1", High, "telemetry/moesif.default_masks is false: authorization headers and cookies are reported in clear, unless request_header_masks names them",
		about(func(s *config.Service) bool { return s.Moesif != nil && !s.Moesif.DefaultMasks })},
	{"6.2.2", Medium, "telemetry/moesif reports bodies without request_body_masks and response_body_masks: name the fields that are nobody's business, or set log_body to false",
		about(func(s *config.Service) bool {
			m := s.Moesif
			return m != nil && m.LogBody && len(m.RequestBodyMasks)+len(m.ResponseBodyMasks) == 0
		})},
	{"6.2.3", Low, "GATEMETER_SPOOL_DIR is not set: what the collector has not taken when the gateway stops for longer than drain_timeout is lost",
		about(func(s *config.Service) bool { return s.Moesif != nil && s.Moesif.SpoolDir == "" })},
	{"6.2.4", Medium, "telemetry/moesif.collector_url is http:// to another machine: events travel in clear",
		about(func(s *config.Service) bool { return s.Moesif != nil && inClear(s.Moesif.CollectorURL) })},
	{"6.2.5", Low, "telemetry/moesif.debug is true: every event is told in the log; leave it to development",
		about(func(s *config.Service) bool { return s.Moesif != nil && s.Moesif.Debug })},
}
