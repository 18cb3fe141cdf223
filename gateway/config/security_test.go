package config

import (
	"reflect"
	"regexp"
	"testing"
	"time"
)

// atRoot reads a file with one namespace at the root.
func atRoot(t *testing.T, namespace, block string) *Service {
	t.Helper()
	return parse(t, "k.json", `{"version": 3, "endpoints": [{"endpoint": "/a", "backend": {"host": "http://b", "url_pattern": "/"}}],
		"extra_config": {"`+namespace+`": `+block+`}}`)
}

// A block turns CORS on, {} as well (KrakenD v3, 5). What is not set becomes rs/cors'
// default where it is used.
func TestCORSIsReadAsWritten(t *testing.T) {
	for block, want := range map[string]*CORS{
		`null`: nil,
		`{}`:   {OptionsSuccessStatus: 204},
		`{"allow_origins": ["https://a.example"], "allow_methods": ["GET", "PUT"], "allow_headers": "X-A", "expose_headers": ["X-B"],
			"allow_credentials": true, "max_age": "12h", "options_success_status": 200, "options_passthrough": true,
			"allow_private_network": true, "debug": true}`: {
			AllowOrigins: []string{"https://a.example"}, AllowMethods: []string{"GET", "PUT"}, AllowHeaders: []string{"X-A"}, ExposeHeaders: []string{"X-B"},
			AllowCredentials: true, MaxAge: 12 * time.Hour, OptionsSuccessStatus: 200, OptionsPassthrough: true, AllowPrivateNetwork: true, Debug: true,
		},
	} {
		s := atRoot(t, "security/cors", block)
		if !reflect.DeepEqual(s.CORS, want) || len(s.Warnings) > 0 {
			t.Errorf("%s: got %+v, %q", block, s.CORS, s.Warnings)
		}
	}
}

// Nothing is on that is not asked for, whatever KrakenD's schema says of ssl_redirect
// (KrakenD v3, 5).
func TestSecurityHeadersAreReadAsWritten(t *testing.T) {
	for block, want := range map[string]*SecureHeaders{
		`{}`: {},
		`{"allowed_hosts": ["a.example"], "allowed_hosts_are_regex": true, "host_proxy_headers": ["X-Forwarded-Host"], "sts_seconds": 300,
			"sts_include_subdomains": true, "force_sts_header": true, "frame_deny": true, "custom_frame_options_value": "SAMEORIGIN",
			"content_type_nosniff": true, "browser_xss_filter": true, "content_security_policy": "default-src 'self'",
			"referrer_policy": "same-origin", "ssl_redirect": true, "ssl_host": "s.example", "ssl_proxy_headers": {"X-Forwarded-Proto": "https"}}`: {
			AllowedHosts: []string{"a.example"}, AllowedHostsAreRegex: true, HostProxyHeaders: []string{"X-Forwarded-Host"}, STSSeconds: 300,
			STSIncludeSubdomains: true, ForceSTSHeader: true, FrameDeny: true, CustomFrameOptionsValue: "SAMEORIGIN",
			ContentTypeNosniff: true, BrowserXSSFilter: true, ContentSecurityPolicy: "default-src 'self'",
			ReferrerPolicy: "same-origin", SSLRedirect: true, SSLHost: "s.example", SSLProxyHeaders: map[string]string{"X-Forwarded-Proto": "https"},
		},
	} {
		s := atRoot(t, "security/http", block)
		if !reflect.DeepEqual(s.Secure, want) || len(s.Warnings) > 0 {
			t.Errorf("%s: got %+v, %q", block, s.Secure, s.Warnings)
		}
	}
}

func TestBotsAreReadAsWritten(t *testing.T) {
	for block, want := range map[string]*Bots{
		`{}`: {},
		`{"allow": ["MyBot"], "deny": ["a", "b"], "patterns": ["^x"], "empty_user_agent_is_bot": true, "cache_size": 10000}`: {
			Allow: []string{"MyBot"}, Deny: []string{"a", "b"}, Patterns: []*regexp.Regexp{regexp.MustCompile("^x")}, EmptyUserAgentIsBot: true, CacheSize: 10000,
		},
	} {
		s := atRoot(t, "security/bot-detector", block)
		if !reflect.DeepEqual(s.Bots, want) || len(s.Warnings) > 0 {
			t.Errorf("%s: got %+v, %q", block, s.Bots, s.Warnings)
		}
	}
}
