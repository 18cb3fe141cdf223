package config

import (
	"cmp"
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"
)

// CORS is extra_config."security/cors"; a block that is there, {} as well, turns
// it on (KrakenD v3, 5).
type CORS struct {
	AllowOrigins         []string // default *
	AllowMethods         []string // default GET, HEAD, POST
	AllowHeaders         []string // default *
	ExposeHeaders        []string
	AllowCredentials     bool
	MaxAge               time.Duration // whole seconds; 0 sends no header
	OptionsSuccessStatus int           // default 204
	OptionsPassthrough   bool
	AllowPrivateNetwork  bool
	Debug                bool
}

// SecureHeaders is extra_config."security/http", of the service or of an endpoint.
type SecureHeaders struct {
	AllowedHosts            []string // empty: any
	AllowedHostsAreRegex    bool     // each matches a whole host
	HostProxyHeaders        []string // that may hold the host instead
	STSSeconds              int      // 0 sends no header
	STSIncludeSubdomains    bool
	ForceSTSHeader          bool // over plain HTTP too
	FrameDeny               bool
	CustomFrameOptionsValue string
	ContentTypeNosniff      bool
	BrowserXSSFilter        bool
	ContentSecurityPolicy   string
	ReferrerPolicy          string
	SSLRedirect             bool
	SSLHost                 string
	SSLProxyHeaders         map[string]string // a header and the value that stands for https
	IsDevelopment           bool              // no hosts are refused, nobody is redirected, no STS
}

// Bots is extra_config."security/bot-detector", of the service or of an endpoint.
type Bots struct {
	Allow, Deny         []string // whole user agents
	Patterns            []*regexp.Regexp
	EmptyUserAgentIsBot bool
	CacheSize           int // user agents whose verdict is kept; 0: none
}

// mostCached bounds cache_size, in user agents.
const mostCached = 1_000_000

// cors reads security/cors; nil when the block is absent.
func (b *block) cors() *CORS {
	if b == nil {
		return nil
	}
	c := &CORS{
		AllowOrigins:         b.texts("allow_origins"),
		AllowMethods:         b.texts("allow_methods"),
		AllowHeaders:         b.texts("allow_headers"),
		ExposeHeaders:        b.texts("expose_headers"),
		AllowCredentials:     b.flag("allow_credentials"),
		MaxAge:               b.duration("max_age"),
		OptionsSuccessStatus: cmp.Or(b.number("options_success_status", 599), 204),
		OptionsPassthrough:   b.flag("options_passthrough"),
		AllowPrivateNetwork:  b.flag("allow_private_network"),
		Debug:                b.flag("debug"),
	}
	if c.OptionsSuccessStatus < 200 || c.OptionsSuccessStatus > 299 {
		b.problem(b.at("options_success_status"), "must be a status from 200 to 299 (got %d)", c.OptionsSuccessStatus)
	}
	if c.MaxAge != 0 && c.MaxAge < time.Second {
		b.warn(b.at("max_age"), "%v is less than a second, so no Access-Control-Max-Age is sent", c.MaxAge)
	}
	everybody := len(c.AllowOrigins) == 0 || slices.Contains(c.AllowOrigins, "*")
	if c.AllowCredentials && everybody {
		b.warn(b.at("allow_credentials"), "browsers refuse credentials while allow_origins is *: name the origins")
	}
	for i, m := range c.AllowMethods {
		if m == "*" || m != strings.ToUpper(m) {
			b.warn(b.elementAt("allow_methods", i), "%s matches no method: name each in capitals", show(m))
		}
	}
	for i, o := range c.AllowOrigins {
		if wrong := wrongOrigin(o); wrong != "" {
			b.warn(b.elementAt("allow_origins", i), "matches no origin: %s (got %s)", wrong, show(o))
		}
	}
	b.close(nil)
	return c
}

// wrongOrigin says why no browser sends an origin; "" when one may.
func wrongOrigin(origin string) string {
	scheme, host, ok := strings.Cut(origin, "://")
	switch {
	case strings.HasPrefix(origin, "*"), origin == "null":
		return ""
	case !ok || scheme == "":
		return "it begins with a scheme, as in https://example.com"
	case strings.Contains(host, "/"):
		return "it ends with the host or its port, without a slash"
	case strings.Count(origin, "*") > 1:
		return "it holds one * at most"
	}
	return ""
}

// secureHeaders reads security/http; nil when the block is absent.
func (b *block) secureHeaders() *SecureHeaders {
	if b == nil {
		return nil
	}
	s := &SecureHeaders{
		AllowedHosts:            b.texts("allowed_hosts"),
		AllowedHostsAreRegex:    b.flag("allowed_hosts_are_regex"),
		HostProxyHeaders:        b.texts("host_proxy_headers"),
		STSSeconds:              b.number("sts_seconds", most32),
		STSIncludeSubdomains:    b.flag("sts_include_subdomains"),
		ForceSTSHeader:          b.flag("force_sts_header"),
		FrameDeny:               b.flag("frame_deny"),
		CustomFrameOptionsValue: b.headerValue("custom_frame_options_value"),
		ContentTypeNosniff:      b.flag("content_type_nosniff"),
		BrowserXSSFilter:        b.flag("browser_xss_filter"),
		ContentSecurityPolicy:   b.headerValue("content_security_policy"),
		ReferrerPolicy:          b.headerValue("referrer_policy"),
		SSLRedirect:             b.flag("ssl_redirect"),
		SSLHost:                 b.text("ssl_host"),
		SSLProxyHeaders:         b.pairs("ssl_proxy_headers"),
		IsDevelopment:           b.flag("is_development"),
	}
	if s.AllowedHostsAreRegex {
		for i, host := range s.AllowedHosts {
			if _, err := regexp.Compile("^" + host + "$"); err != nil {
				b.problem(b.elementAt("allowed_hosts", i), "must be a regular expression: %s", explainPattern(err))
			}
		}
	}
	if s.IsDevelopment {
		b.warn(b.at("is_development"), "any host is allowed, nobody is redirected to https, and no Strict-Transport-Security is sent")
	}
	if b.has("hpkp_public_key") {
		b.warn(b.at("hpkp_public_key"), "ignored: browsers no longer read Public-Key-Pins")
	}
	b.close(nil)
	return s
}

// headerValue reads a text that becomes the value of a header.
func (b *block) headerValue(key string) string {
	value := b.text(key)
	for _, c := range []byte(value) {
		if c < ' ' && c != '\t' || c == 0x7f {
			b.problem(b.at(key), "must not hold control characters (got %s)", show(value))
			return ""
		}
	}
	return value
}

// bots reads security/bot-detector; nil when the block is absent.
func (b *block) bots() *Bots {
	if b == nil {
		return nil
	}
	out := &Bots{
		Allow:               b.texts("allow"),
		Deny:                b.texts("deny"),
		EmptyUserAgentIsBot: b.flag("empty_user_agent_is_bot"),
		CacheSize:           b.number("cache_size", mostCached),
	}
	for i, text := range b.texts("patterns") {
		pattern, err := regexp.Compile(text)
		if err != nil {
			b.problem(b.elementAt("patterns", i), "must be a regular expression: %s", explainPattern(err))
			continue
		}
		out.Patterns = append(out.Patterns, pattern)
	}
	b.close(nil)
	return out
}

// explainPattern says on one line why a regular expression can't be compiled.
func explainPattern(err error) string {
	var e *syntax.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	return e.Code.String() + " (in " + show(e.Expr) + ")"
}
