package config

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var backendMethods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "CONNECT", "TRACE"}

var decodings = []string{"json", "safejson", "string", "no-op", "xml", "rss", "yaml"}

var backendAdvice = map[string]string{
	"timeout":            "the timeout of the endpoint counts",
	"concurrent_calls":   "the concurrent_calls of the endpoint count",
	"headers":            "it is input_headers",
	"headers_to_pass":    "it is input_headers",
	"querystring_params": "it is input_query_strings",
	"url":                "it is host and url_pattern",
	"max_rate":           "rate limits are qos/ratelimit/proxy in extra_config",
}

// backend reads one backend of e, which has everything but its backends.
func (b *block) backend(s *Service, e *Endpoint) Backend {
	out := Backend{
		URLPattern:   b.urlPattern(e),
		Method:       strings.ToUpper(cmp.Or(b.text("method"), e.Method)),
		Encoding:     b.decoding(e.OutputEncoding),
		IsCollection: b.flag("is_collection"),
		Target:       b.text("target"),
		Group:        b.text("group"),
		Allow:        b.texts("allow"),
		Deny:         b.texts("deny"),
		Mapping:      b.pairs("mapping"),
	}
	out.InputHeaders, out.InputQueryStrings = b.inputs()
	if b.has("method") && !slices.Contains(backendMethods, out.Method) {
		b.problem(b.at("method"), "must be one of %s (got %s)%s", strings.Join(backendMethods, ", "), show(out.Method), didYouMean(out.Method, backendMethods))
	}
	if len(out.Allow) > 0 && len(out.Deny) > 0 {
		b.warn(b.at("deny"), "ignored, since allow is there")
		out.Deny = nil
	}
	if slices.Contains(out.InputHeaders, "*") {
		b.warn(b.at("input_headers"), "* has no meaning in a backend: only what is named passes")
	}
	if slices.Contains(out.InputQueryStrings, "*") {
		b.warn(b.at("input_query_strings"), "* has no meaning in a backend: only what is named passes")
	}
	if e.OutputEncoding == "no-op" {
		for _, key := range []string{"allow", "deny", "mapping", "target", "group"} {
			if v, path, ok := b.find(key); ok && !empty(v) {
				b.warn(path, "has no effect: a no-op endpoint passes answers on as they are")
			}
		}
	}
	b.hostsOf(s, &out)
	b.backendExtra(e, &out)
	b.flatmapWins(&out)
	b.close(backendAdvice)
	return out
}

// decoding reads encoding, which a no-op endpoint overrides: it never decodes.
func (b *block) decoding(output string) string {
	encoding := b.text("encoding")
	switch {
	case output == "no-op":
		return "no-op"
	case encoding == "", encoding == "fast-json":
		return "json"
	case encoding == "no-op":
		b.warn(b.at("encoding"), "no-op without output_encoding no-op at the endpoint: clients get an empty object")
	case !slices.Contains(decodings, encoding):
		b.warn(b.at("encoding"), "%s is unknown, json is taken%s", show(encoding), didYouMean(encoding, decodings))
		return "json"
	}
	return encoding
}

func (b *block) backendExtra(e *Endpoint, out *Backend) {
	extra := b.extra(atBackend)
	out.Limits = backendLimits(extra, e)
	out.Told = extra["telemetry/opentelemetry"].callsTell()
	out.ClientCredentials = extra["auth/client-credentials"].clientCredentials()
	b.backendModify(extra, e, out)
	if o := extra["backend/http"]; o != nil {
		out.ReturnErrorCode = o.flag("return_error_code")
		out.ErrorDetails = o.text("return_error_details")
		if out.ErrorDetails != "" && out.ReturnErrorCode {
			o.warn(o.at("return_error_code"), "ignored, since return_error_details is there")
			out.ReturnErrorCode = false
		}
		o.close(nil)
	}
	extra["proxy"].backendProxy(out)
}

var placeholder = regexp.MustCompile(`\{([\w\-.:/]+)\}`)

// urlPattern reads url_pattern, whose placeholders are parameters of the endpoint.
func (b *block) urlPattern(e *Endpoint) string {
	written, where := b.text("url_pattern"), b.at("url_pattern")
	if !b.has("url_pattern") {
		b.warn(where, "missing, / is taken")
	}
	if strings.ContainsFunc(written, isControl) {
		b.problem(where, "must not hold control characters (got %s)", show(written))
	}
	path, _, _ := strings.Cut(placeholder.ReplaceAllString(written, "/"), "?")
	if _, err := url.PathUnescape(path); err != nil {
		b.problem(where, "%v (got %s)", err, show(written))
	}
	var said []string
	for _, m := range placeholder.FindAllStringSubmatch(written, -1) {
		name := m[1]
		if slices.Contains(e.Params, name) || slices.Contains(said, name) {
			continue
		}
		said = append(said, name)
		switch {
		case strings.HasPrefix(name, "JWT."): // see claims
		case laterAnswer.MatchString(name): // see laterAnswers
		case e.Path != "": // of a wrong path nobody knows the parameters
			b.problem(where, "{%s} is not a parameter of %s (declare it in the endpoint, or remove it)", name, e.Path)
		}
	}
	return "/" + strings.TrimLeft(written, "/")
}

// laterAnswer is a placeholder for data of another backend, as in {resp0_id}.
var laterAnswer = regexp.MustCompile(`^resp\d+(_|$)`)

// backendHosts gives the backend's own hosts, or those of the root.
func (b *block) backendHosts(s *Service) []string {
	hosts := b.hosts("host", !b.flag("disable_host_sanitize"))
	if len(hosts) > 0 {
		return hosts
	}
	if len(s.Host) == 0 && (!b.has("host") || b.emptyList("host")) {
		b.problem(b.at("host"), "missing: name the backend's host here or at the root of the file")
	}
	return s.Host
}
