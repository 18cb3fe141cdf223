package audit

import (
	"net"
	"net/url"
	"slices"
	"strings"
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
	{"2.1.5", Low, "security/http is missing: answers carry no header that tells browsers to be careful (content_type_nosniff, frame_deny, sts_seconds)",
		about(func(s *config.Service) bool { return s.Secure == nil })},
	{"2.2.1", Medium, `input_headers is ["*"] at %s: cookies and internal headers of clients reach the backend; name those it needs`,
		endpoints(func(_ *config.Service, e *config.Endpoint) bool { return slices.Contains(e.InputHeaders, "*") })},
	{"2.2.2", Medium, `input_query_strings is ["*"] at %s: whatever clients invent reaches the backend; name those it needs`,
		endpoints(func(_ *config.Service, e *config.Endpoint) bool { return slices.Contains(e.InputQueryStrings, "*") })},
	{"2.2.3", Medium, `%s is a wildcard: whatever paths the backend has, other spellings of protected ones included, are open as it says; name those that clients need`,
		endpoints(func(_ *config.Service, e *config.Endpoint) bool { return config.IsWildcard(e.Path) })},
	{"2.3.1", High, "security/cors lets every origin in, with credentials: any site a user visits can call the API as that user; name the origins in allow_origins",
		about(func(s *config.Service) bool { return anyOrigin(s) && s.CORS.AllowCredentials })},
	{"2.3.2", Low, "security/cors lets every origin in: name the origins in allow_origins, unless the API is for everybody",
		about(func(s *config.Service) bool { return anyOrigin(s) && !s.CORS.AllowCredentials })},
}

func anyOrigin(s *config.Service) bool {
	return s.CORS != nil && (len(s.CORS.AllowOrigins) == 0 || slices.Contains(s.CORS.AllowOrigins, "*"))
}

// Group 3: who calls.
var identity = []rule{
	{"3.1.1", High, "nothing asks who calls %s: set auth/validator, auth/api-keys or auth/basic there, or see to it that something in front of the gateway does",
		endpoints(func(_ *config.Service, e *config.Endpoint) bool { return !asksWho(e) })},
	{"3.1.2", Medium, "auth/basic at %s without TLS at the gateway: passwords travel in clear, unless something in front of it ends TLS",
		endpoints(func(s *config.Service, e *config.Endpoint) bool { return e.Basic != nil && s.TLS == nil })},
	{"3.2.1", High, "disable_jwk_security with http:// keys at %s: whoever is between the gateway and the issuer can make tokens; use https://",
		validators(func(v *config.Validator) bool { return v.Insecure && strings.HasPrefix(v.JWKURL, "http://") })},
	{"3.2.2", Medium, "auth/validator at %s without cache: every call downloads the issuer's keys; set cache",
		validators(func(v *config.Validator) bool { return v.JWKURL != "" && v.CacheDuration == 0 })},
	{"3.2.3", Medium, "auth/validator at %s checks neither issuer nor audience: a token that was made for another service is as good",
		validators(func(v *config.Validator) bool { return v.Issuer == "" && len(v.Audience) == 0 })},
	{"3.2.4", Medium, "auth/validator at %s shares a secret with the issuer (HS256 and the like): whoever runs the gateway can make tokens; use RS256, ES256 or EdDSA",
		validators(func(v *config.Validator) bool { return strings.HasPrefix(v.Alg, "HS") })},
	{"3.2.5", Low, "auth/validator at %s has operation_debug: leave it to development",
		validators(func(v *config.Validator) bool { return v.Debug })},
	{"3.2.6", Low, "security/policies at %s has debug: leave it to development",
		endpoints(func(_ *config.Service, e *config.Endpoint) bool { return e.TellsPolicies() })},
	{"3.3.1", High, "telemetry/moesif.block_listed_ips without router.trusted_proxies: any X-Forwarded-For is believed, so a listed address passes under another; name the proxies in front of the gateway",
		about(func(s *config.Service) bool {
			return s.Moesif != nil && s.Moesif.BlockListedIPs && len(s.Router.TrustedProxies) == 0
		})},
	{"3.3.2", Medium, "auth/revoker.listen_ip leads beyond this machine: its api_key and what is revoked travel in clear; leave it out, and call the port from here",
		about(func(s *config.Service) bool {
			return s.Revoker != nil && s.Revoker.ListenAddress != "" && inClear("http://"+s.Revoker.ListenAddress)
		})},
	{"3.4.1", Critical, "auth/signer at %s fetches its private keys over http://: whoever is between the gateway and them can make tokens; use https:// or a local file",
		endpoints(func(_ *config.Service, e *config.Endpoint) bool { return e.Signer != nil && inClear(e.Signer.JWKURL) })},
}

// Group 4: how much.
var limits = []rule{
	{"4.1.1", Medium, "nothing limits how often %s is called: set qos/ratelimit/router, qos/ratelimit/service, qos/ratelimit/tiered or governance/quota",
		endpoints(func(s *config.Service, e *config.Endpoint) bool {
			l := &e.Limits
			return l.Rate == nil && l.Tiered == nil && l.Quota == nil && s.Limits.Rate == nil && s.Limits.Tiered == nil && s.Limits.Quota == nil
		})},
	{"4.1.2", Medium, "router.max_payload is not set: bodies of any size reach backends",
		about(func(s *config.Service) bool { return s.Router.MaxPayload == 0 })},
	{"4.2.1", High, "clients are told apart by their address, and router.trusted_proxies is missing: any X-Forwarded-For is believed, so a limit is passed by with an invented one (%s); name the proxies in front of the gateway, or set forwarded_by_client_ip to false",
		endpoints(func(s *config.Service, e *config.Endpoint) bool {
			return len(s.Router.TrustedProxies) == 0 && !s.Router.PeersAreClients && (byAddress(e.Limits.Rate) || byAddress(s.Limits.Rate))
		})},
	{"4.2.2", Low, "quotas are counted in memory: each gateway has its own, and a restart forgets them; give governance/processors a connection_name",
		about(func(s *config.Service) bool {
			return slices.ContainsFunc(s.Limits.Processors, func(p config.Processor) bool { return p.Connection == "" })
		})},
}

func byAddress(l *config.RateLimit) bool { return l != nil && l.ByAddress() }

func asksWho(e *config.Endpoint) bool {
	return e.Validator != nil || e.APIKeys != nil || e.Basic != nil
}

// validators makes a look of a question about each validator.
func validators(is func(*config.Validator) bool) func(*config.Service) ([]string, bool) {
	return endpoints(func(_ *config.Service, e *config.Endpoint) bool { return e.Validator != nil && is(e.Validator) })
}

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
	{"5.1.3", Low, "no circuit breaker at %s: a backend that fails goes on being called; set qos/circuit-breaker",
		endpoints(func(_ *config.Service, e *config.Endpoint) bool {
			return slices.ContainsFunc(e.Backends, func(b config.Backend) bool { return b.Limits.Breaker == nil })
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
	{"6.3.1", Medium, "telemetry/opentelemetry tells a collector on another machine in clear: give the exporter tls, also where that is {}",
		about(func(s *config.Service) bool {
			return s.OpenTelemetry != nil && slices.ContainsFunc(s.OpenTelemetry.OTLP, func(o config.OTLP) bool {
				return o.TLS == nil && inClear((&url.URL{Scheme: "http", Host: net.JoinHostPort(o.Host, "1")}).String())
			})
		})},
}
