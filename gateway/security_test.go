package gateway

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// answers checks status, body and one header, "Name: value", of an answer.
func answers(t *testing.T, what string, got reply, status int, text, header string) {
	t.Helper()
	if got.StatusCode != status || got.Text != text {
		t.Errorf("%s: got %d %q, want %d %q", what, got.StatusCode, got.Text, status, text)
	}
	if name, value, ok := strings.Cut(header, ": "); ok && got.Header.Get(name) != value {
		t.Errorf("%s: %s is %q, want %q", what, name, got.Header.Get(name), value)
	}
}

func TestSecurityHeadersAreSet(t *testing.T) {
	s := serviceOf(
		noop("GET /a", upstream(t, echoURI), "/x"),
		noop("GET /own", upstream(t, echoURI), "/x", func(e *config.Endpoint) { e.Secure = &config.SecureHeaders{CustomFrameOptionsValue: "SAMEORIGIN"} }),
	)
	s.EchoEndpoint = true
	s.Secure = &config.SecureHeaders{
		FrameDeny: true, ContentTypeNosniff: true, BrowserXSSFilter: true, STSSeconds: 300, STSIncludeSubdomains: true,
		ContentSecurityPolicy: "default-src 'self'", ReferrerPolicy: "same-origin", SSLProxyHeaders: map[string]string{"X-Forwarded-Proto": "https"},
	}
	g := run(t, s)
	const https = "X-Forwarded-Proto: https"
	for _, c := range []struct{ route, frame, sts string }{
		{"GET /a", "DENY", "max-age=300; includeSubDomains"},
		{"GET /own", "SAMEORIGIN", "max-age=300; includeSubDomains"}, // what the endpoint says wins
		{"GET /none", "DENY", "max-age=300; includeSubDomains"},
		{"PUT /a", "DENY", "max-age=300; includeSubDomains"},
		{"GET /__echo", "DENY", "max-age=300; includeSubDomains"}, // only /__health is let by (KrakenD v3, 2.1)
		{"GET /__health", "", ""},
	} {
		h := g.send(t, c.route, "", https).Header
		if h.Get("X-Frame-Options") != c.frame || h.Get("Strict-Transport-Security") != c.sts {
			t.Errorf("%s: got %v", c.route, h)
		}
		if c.frame == "" {
			continue
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Xss-Protection") != "1; mode=block" ||
			h.Get("Content-Security-Policy") != "default-src 'self'" || h.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: got %v", c.route, h)
		}
	}
	if sts := g.send(t, "GET /a", "").Header.Get("Strict-Transport-Security"); sts != "" {
		t.Errorf("over plain HTTP it says %s", sts)
	}
}

// What an empty block asks for is nothing; what development asks for is no TLS.
func TestSwitchesOfSecurityHeaders(t *testing.T) {
	host := upstream(t, echoURI)
	for name, c := range map[string]struct {
		secure   config.SecureHeaders
		status   int
		location string
		sts      string
	}{
		"an empty block":                   {config.SecureHeaders{}, 200, "", ""},
		"sts_seconds over plain HTTP":      {config.SecureHeaders{STSSeconds: 300}, 200, "", ""},
		"force_sts_header":                 {config.SecureHeaders{STSSeconds: 300, ForceSTSHeader: true}, 200, "", "max-age=300"},
		"force_sts_header without seconds": {config.SecureHeaders{ForceSTSHeader: true}, 200, "", ""},
		"ssl_redirect without ssl_host":    {config.SecureHeaders{SSLRedirect: true}, 301, "https://api.example/a", ""},
		"is_development": {
			config.SecureHeaders{IsDevelopment: true, SSLRedirect: true, STSSeconds: 300, ForceSTSHeader: true, AllowedHosts: []string{"else"}}, 200, "", "",
		},
	} {
		s := serviceOf(noop("GET /a", host, "/x"))
		s.Secure = &c.secure
		got := run(t, s).send(t, "GET /a", "", "Host: api.example")
		h := got.Header
		if got.StatusCode != c.status || h.Get("Location") != c.location || h.Get("Strict-Transport-Security") != c.sts {
			t.Errorf("%s: got %d %v", name, got.StatusCode, h)
		}
		for _, header := range []string{"X-Frame-Options", "X-Content-Type-Options", "X-Xss-Protection", "Content-Security-Policy", "Referrer-Policy"} {
			if h[header] != nil {
				t.Errorf("%s: has %s", name, header)
			}
		}
	}
}

func TestOnlyAllowedHostsAreServed(t *testing.T) {
	host := upstream(t, echoURI)
	for name, c := range map[string]struct {
		secure config.SecureHeaders
		header string
		status int
	}{
		"the host, in any case":            {config.SecureHeaders{AllowedHosts: []string{"API.example"}}, "Host: api.example", 200},
		"another":                          {config.SecureHeaders{AllowedHosts: []string{"api.example"}}, "Host: api.example.org", 500},
		"an expression is for whole hosts": {config.SecureHeaders{AllowedHosts: []string{`.*\.example`}, AllowedHostsAreRegex: true}, "Host: api.example.org", 500},
		"an expression":                    {config.SecureHeaders{AllowedHosts: []string{`.*\.example`}, AllowedHostsAreRegex: true}, "Host: api.example", 200},
		"what a proxy says":                {config.SecureHeaders{AllowedHosts: []string{"api.example"}, HostProxyHeaders: []string{"X-Forwarded-Host"}}, "X-Forwarded-Host: api.example", 200},
		"what no proxy should say":         {config.SecureHeaders{AllowedHosts: []string{"api.example"}}, "X-Forwarded-Host: api.example", 500},
		"any, in development":              {config.SecureHeaders{AllowedHosts: []string{"api.example"}, IsDevelopment: true}, "Host: else", 200},
	} {
		for level := range 2 {
			s := serviceOf(noop("GET /a", host, "/x"))
			if level == 0 {
				s.Secure = &c.secure
			} else {
				s.Endpoints[0].Secure = &c.secure
			}
			text := map[int]string{200: "/x", 500: "Bad Host\n"}[c.status]
			answers(t, name, run(t, s).send(t, "GET /a", "", c.header), c.status, text, "")
		}
	}
}

func TestPlainRequestsAreSentToHTTPS(t *testing.T) {
	s := serviceOf(noop("GET /a", upstream(t, echoURI), "/x"))
	s.Secure = &config.SecureHeaders{SSLRedirect: true, SSLHost: "secure.example", SSLProxyHeaders: map[string]string{"X-Forwarded-Proto": "https"}}
	c := newCollector(t)
	s.Moesif = c.config()
	g := run(t, s)
	got := g.send(t, "GET /a?b=1", "")
	if got.StatusCode != 301 || got.Header.Get("Location") != "https://secure.example/a?b=1" || got.Header.Get("X-Krakend") != "" {
		t.Errorf("got %d %v", got.StatusCode, got.Header)
	}
	if e := heard(t, c.events, "the event"); e.Metadata.Gatemeter.Refused != redirected || e.Metadata.Gatemeter.Route != "/a" {
		t.Errorf("reported as %+v", e)
	}
	answers(t, "behind a proxy with TLS", g.send(t, "GET /a", "", "X-Forwarded-Proto: https"), 200, "/x", "")
	if got := g.send(t, "GET /__health", ""); got.StatusCode != 200 {
		t.Errorf("/__health: got %d", got.StatusCode)
	}
}

func TestBotsGet403(t *testing.T) {
	host := upstream(t, echoURI)
	bots := &config.Bots{Deny: []string{"evil"}, Patterns: []*regexp.Regexp{regexp.MustCompile("bot/")}, CacheSize: 10}
	c := newCollector(t)
	s := serviceOf(
		noop("GET /a", host, "/x"),
		noop("GET /b", host, "/x", func(e *config.Endpoint) { e.Bots = &config.Bots{EmptyUserAgentIsBot: true} }),
	)
	s.Bots, s.Moesif, s.DebugEndpoint = bots, c.config(), true
	g := run(t, s)
	for _, want := range []struct {
		route, agent string
		status       int
		reported     bool
	}{
		{"GET /a", "evil", 403, true},
		{"GET /a", "Googlebot/2", 403, true},
		{"GET /none", "evil", 403, true},
		{"GET /A", "evil", 403, true}, // before any redirect
		{"GET /__debug/x", "evil", 403, false},
		{"GET /b", "", 403, true},
		{"GET /__health", "evil", 200, false},
		{"GET /a", "Mozilla/5.0", 200, true},
	} {
		got := g.send(t, want.route, "", "User-Agent: "+want.agent)
		what := want.route + " by " + want.agent
		if got.StatusCode != want.status {
			t.Errorf("%s: got %d", what, got.StatusCode)
		}
		if want.status == 403 && (got.Text != "" || got.Header.Get("Content-Type") != "" || got.Header.Get("X-Krakend") != "") { // KrakenD v3, 9.5
			t.Errorf("%s: got %q %v", what, got.Text, got.Header)
		}
		if !want.reported {
			continue
		}
		e := heard(t, c.events, "the event of "+what)
		if refused := e.Metadata.Gatemeter.Refused; e.Response.Status != want.status || (refused == moesif.Forbidden) != (want.status == 403) {
			t.Errorf("%s: reported as %+v", what, e)
		}
	}
}

// Bots are told apart before whoever they say they are is asked about (KrakenD v3,
// 2.1), so that no rule answers them.
func TestBotsAreRefusedBeforeRules(t *testing.T) {
	s := serviceOf(noop("GET /a", upstream(t, echoURI), "/x", func(e *config.Endpoint) { e.Bots = &config.Bots{Deny: []string{"evil"}} }))
	g, c := governing(t, s, everything)
	for agent, status := range map[string]int{"evil": http.StatusForbidden, "good": 451} {
		if got := g.send(t, "GET /a", "", "User-Agent: "+agent); got.StatusCode != status {
			t.Errorf("%s: got %d", agent, got.StatusCode)
		}
		heard(t, c.events, "the event")
	}
}
