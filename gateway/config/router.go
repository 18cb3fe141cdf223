package config

import (
	"cmp"
	"encoding/json"
	"net"
	"net/netip"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// mostPayload bounds max_payload: 1 TiB.
const mostPayload = 1 << 40

// router reads extra_config.router; a nil block gives the defaults.
func (b *block) router() Router {
	if b == nil {
		return Router{HealthPath: "/__health"}
	}
	r := Router{
		AutoOptions:                   b.flag("auto_options"),
		DisableAccessLog:              b.flag("disable_access_log"),
		LoggerSkipPaths:               b.texts("logger_skip_paths"),
		DisableHealth:                 b.flag("disable_health"),
		HealthPath:                    cmp.Or(b.text("health_path"), "/__health"),
		DisableHandleMethodNotAllowed: b.flag("disable_handle_method_not_allowed"),
		DisablePathDecoding:           b.flag("disable_path_decoding"),
		DisableRedirectFixedPath:      b.flag("disable_redirect_fixed_path"),
		DisableRedirectTrailingSlash:  b.flag("disable_redirect_trailing_slash"),
		PeersAreClients:               !b.flagOr("forwarded_by_client_ip", true),
		MaxPayload:                    b.number("max_payload", mostPayload),
		TrustedProxies:                b.texts("trusted_proxies"),
		HideVersionHeader:             b.flag("hide_version_header"),
		RemoveExtraSlash:              b.flag("remove_extra_slash"),
		ReturnErrorMsg:                b.flag("return_error_msg"),
	}
	for _, h := range b.texts("remote_ip_headers") {
		r.RemoteIPHeaders = append(r.RemoteIPHeaders, textproto.CanonicalMIMEHeaderKey(h))
	}
	if b.flag("app_engine") { // its header goes first
		if r.RemoteIPHeaders == nil {
			r.RemoteIPHeaders = []string{"X-Forwarded-For", "X-Real-Ip"}
		}
		r.RemoteIPHeaders = append([]string{"X-Appengine-Remote-Addr"}, r.RemoteIPHeaders...)
	}
	if !strings.HasPrefix(r.HealthPath, "/") {
		b.problem(b.at("health_path"), "must start with / (got %s)", show(r.HealthPath))
	}
	for i, p := range r.TrustedProxies {
		_, notPrefix := netip.ParsePrefix(p)
		_, notAddr := netip.ParseAddr(p)
		if notPrefix != nil && notAddr != nil {
			b.problem(item(b.at("trusted_proxies"), i), "must be an IP address or a range such as 10.0.0.0/8 (got %s)", show(p))
		}
	}
	if bodies := b.object("error_body"); bodies != nil {
		r.ErrorBody404 = bodies.jsonObject("404")
		r.ErrorBody405 = bodies.jsonObject("405")
		bodies.close(nil)
	}
	if r.PeersAreClients && len(r.TrustedProxies) > 0 {
		b.warn(b.at("trusted_proxies"), "has no effect, since forwarded_by_client_ip is false")
		r.TrustedProxies = nil
	}
	b.refuse("decompress_gzip", "backends would get compressed bodies")
	b.ignore("max_multipart_memory", "disable_gzip") // no form is read, and nothing is compressed
	return r
}

// useH2C is the router's older place for the root key of the same name.
func (b *block) useH2C() bool { return b != nil && b.flag("use_h2c") }

// jsonObject gives an object of the file as JSON, in the order and with the
// escapes of encoding/json; nil when it is absent.
func (b *block) jsonObject(key string) []byte {
	o := b.object(key)
	if o == nil {
		return nil
	}
	if len(o.values) == 0 { // an empty list stands for it as well
		return []byte("{}")
	}
	text, err := json.Marshal(o.values)
	if err != nil {
		b.problem(o.path, "cannot be written as JSON: %v", err)
		return nil
	}
	return text
}

// metrics reads telemetry/metrics; nil when it is absent, or endpoint_disabled: then
// nobody listens. The layers of proxies and backends are not counted, disabled or not.
func (b *block) metrics() *Metrics {
	if b == nil {
		return nil
	}
	m := &Metrics{
		ListenAddress:  cmp.Or(b.text("listen_address"), ":8090"),
		CollectionTime: cmp.Or(b.duration("collection_time"), time.Minute),
		HideRouter:     b.flag("router_disabled"),
	}
	_, port, err := net.SplitHostPort(m.ListenAddress)
	if n, e := strconv.Atoi(port); err != nil || e != nil || n < 0 || n > 65535 {
		b.problem(b.at("listen_address"), "must be host:port or :port (got %s)", show(m.ListenAddress))
	}
	_, _ = b.flag("proxy_disabled"), b.flag("backend_disabled")
	if b.flag("endpoint_disabled") {
		return nil
	}
	return m
}
