package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"time"
)

// Load reads and checks the configuration at path. The extension picks the
// format: .yml and .yaml, .toml, anything else is JSON. env looks up an
// environment variable; nil stands for an empty environment.
//
// KRAKEND_<KEY> replaces a key at the root of the file, also an absent one, and
// GATEMETER_<KEY> one of telemetry/moesif; an empty variable counts as not set. The error is Problems and names
// everything that is wrong at once; what is only ignored is in Service.Warnings.
//
// FC_ENABLE makes the file a template (KrakenD v3, 1.1), with the settings, partials
// and templates in the folders that FC_SETTINGS, FC_PARTIALS and FC_TEMPLATES name;
// FC_OUT names a file for the result.
func Load(path string, env func(string) (string, bool)) (*Service, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data, env)
}

func readFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path) // #nosec G304 -- the operator names the file
	if err != nil {
		var file *fs.PathError
		if errors.As(err, &file) {
			err = file.Err
		}
		return nil, Problems{{Path: path, Message: fmt.Sprintf("cannot be read: %v", err)}}
	}
	return data, nil
}

// Parse is Load for bytes that are in memory already. The name of the file picks
// the format and stands in syntax errors.
func Parse(file string, data []byte, env func(string) (string, bool)) (*Service, error) {
	return (&findings{}).parse(file, data, env)
}

func (f *findings) parse(file string, data []byte, env func(string) (string, bool)) (*Service, error) {
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	values := readConfiguration(f, file, data, env)
	if len(f.problems) > 0 {
		return nil, f.problems
	}
	root := newBlock(f, "", values)
	root.env = func(key string) (string, string, bool) {
		name := "KRAKEND_" + strings.ToUpper(key)
		v, _ := env(name)
		return v, name, v != ""
	}
	if !root.version(file) {
		return nil, f.located()
	}
	f.tree = values
	s := root.service(env)
	if len(f.problems) > 0 {
		return nil, f.located()
	}
	if s.Warnings = f.warnings; len(f.warnings) > 0 {
		s.Lines = f.lines()
	}
	return s, nil
}

// version refuses a file of another version before anything else is said about
// it, since its keys have other names.
func (b *block) version(file string) bool {
	v, path, ok := b.scalar("version")
	if !ok {
		b.problem(path, "missing: must be 3 (%s is read as KrakenD reads it, configuration version 3)", file)
		return false
	}
	if n, ok := asInt(v); !ok || n != 3 {
		b.problem(path, "must be 3 (got %s)", show(v))
		return false
	}
	return true
}

func (b *block) service(env func(string) (string, bool)) *Service {
	s := &Service{
		Name:                      b.text("name"),
		ListenIP:                  b.listenIP(),
		Port:                      cmp.Or(b.number("port", 65535), 8080),
		Timeout:                   cmp.Or(b.duration("timeout"), 2*time.Second),
		CacheTTL:                  b.duration("cache_ttl"),
		DebugEndpoint:             b.flag("debug_endpoint"),
		EchoEndpoint:              b.flag("echo_endpoint"),
		DisableREST:               b.flag("disable_rest"),
		UseH2C:                    b.flag("use_h2c"),
		ReadTimeout:               b.duration("read_timeout"),
		ReadHeaderTimeout:         b.duration("read_header_timeout"),
		WriteTimeout:              b.duration("write_timeout"),
		IdleTimeout:               b.duration("idle_timeout"),
		MaxHeaderBytes:            b.number("max_header_bytes", most32),
		MaxIdleConnections:        b.number("max_idle_connections", most32),
		MaxIdleConnectionsPerHost: cmp.Or(b.number("max_idle_connections_per_host", most32), 250),
		IdleConnectionTimeout:     b.duration("idle_connection_timeout"),
		ResponseHeaderTimeout:     b.duration("response_header_timeout"),
		ExpectContinueTimeout:     b.duration("expect_continue_timeout"),
		DialerTimeout:             b.duration("dialer_timeout"),
		DialerFallbackDelay:       cmp.Or(b.duration("dialer_fallback_delay"), 300*time.Millisecond),
		DialerKeepAlive:           cmp.Or(b.duration("dialer_keep_alive"), 15*time.Second),
		DisableKeepAlives:         b.flag("disable_keep_alives"),
		DisableCompression:        b.flag("disable_compression"),
		MaxShutdownWaitTime:       b.duration("max_shutdown_wait_time"),
		DNSCacheTTL:               b.dnsCacheTTL(),
		TLS:                       b.serverTLS(),
		ClientTLS:                 b.clientTLS(),
	}
	s.OutputEncoding = b.outputEncoding("json")
	s.Host = b.hosts("host", true)
	b.refuse("async_agent", "no message would be consumed")
	b.ignore("sequential_start", "plugin")
	if b.has("plugin") {
		b.warn("plugin", "plugins are not loaded, ignored")
	}

	extra := b.extra(atService)
	s.Lua = extra["modifier/lua-endpoint"].endpointScript()
	if o := extra["security/policies"]; o != nil {
		b.problem(o.path, "not supported yet in %s: give it to the endpoints", atService)
	}
	s.Router = extra["router"].router()
	s.UseH2C = s.UseH2C || extra["router"].useH2C()
	s.Logging = extra["telemetry/logging"].logging()
	s.Metrics = extra["telemetry/metrics"].metrics()
	s.OpenTelemetry = extra["telemetry/opentelemetry"].openTelemetry(s.Name)
	s.Limits = serviceLimits(extra)
	s.Moesif = b.moesif(extra["telemetry/moesif"], env)
	s.CORS = extra["security/cors"].cors()
	s.Secure = extra["security/http"].secureHeaders()
	s.Bots = extra["security/bot-detector"].bots()
	s.sharedKeyCache = extra["auth/validator"].sharedKeyCache()
	s.APIKeys, s.keyPlace = extra["auth/api-keys"].apiKeys()
	s.basic = extra["auth/basic"].basic(nil)
	s.Revoker = extra["auth/revoker"].revoker()
	if s.Moesif != nil && s.Moesif.BlockListedIPs && len(s.Router.TrustedProxies) == 0 && !s.Router.PeersAreClients {
		b.warn("extra_config.router.trusted_proxies", "missing, so any X-Forwarded-For is believed and block_listed_ips is easily passed by: name the proxies in front of the gateway")
	}
	for _, ns := range []string{"router", "telemetry/logging", "telemetry/metrics"} {
		if block := extra[ns]; block != nil {
			block.close(nil)
		}
	}

	var where []string
	s.Endpoints, where = b.endpoints(s)
	b.routes(s, where)
	b.believedAddresses(s)
	b.quotas(s)
	b.protects(s, extra)
	b.toldKeys(s)
	b.toldTokens(s)
	b.revokes(s)
	b.tierConnections(s)
	b.close(rootAdvice)
	return s
}

var rootAdvice = map[string]string{
	"log_level":  "the level is telemetry/logging.level in extra_config",
	"router":     "it belongs into extra_config",
	"proxy":      "it belongs into extra_config of an endpoint",
	"middleware": "plugins are named in extra_config",
}

func (b *block) listenIP() string {
	ip := b.text("listen_ip")
	if _, err := netip.ParseAddr(ip); ip != "" && err != nil {
		b.problem(b.at("listen_ip"), "must be an IP address such as 127.0.0.1 or :: (got %s)", show(ip))
	}
	return ip
}
