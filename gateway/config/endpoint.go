package config

import (
	"cmp"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
)

var endpointMethods = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

// outputEncodings are the ways to write an answer. fast-json is another writer
// of the same JSON.
var outputEncodings = []string{"json", "json-collection", "string", "no-op", "xml", "yaml", "negotiate"}

var endpointAdvice = map[string]string{
	"headers_to_pass":    "it is input_headers since version 3",
	"querystring_params": "it is input_query_strings since version 3",
	"max_rate":           "rate limits are qos/ratelimit/router in extra_config",
	"client_max_rate":    "rate limits are qos/ratelimit/router in extra_config",
	"path":               "the path of an endpoint is the key endpoint",
	"host":               "hosts belong to a backend or to the root of the file",
}

// endpoints reads the endpoints, and gives with each the path of its block.
func (b *block) endpoints(s *Service) (endpoints []Endpoint, where []string) {
	for o := range b.objects("endpoints") {
		if e, ok := o.endpoint(s); ok {
			endpoints, where = append(endpoints, e), append(where, o.path)
		}
	}
	if !b.has("endpoints") {
		b.warn("endpoints", "missing: every call will be answered with 404")
	}
	return endpoints, where
}

// endpoint reads one endpoint; ok is false for one with a method that KrakenD
// does not serve either, which it skips.
func (b *block) endpoint(s *Service) (e Endpoint, ok bool) {
	e = Endpoint{
		Method:   strings.ToUpper(cmp.Or(b.text("method"), b.methodOfPath())),
		Timeout:  cmp.Or(b.duration("timeout"), s.Timeout),
		CacheTTL: cmp.Or(b.duration("cache_ttl"), s.CacheTTL),
	}
	e.Path, e.Params = b.endpointPath(s.DisableREST)
	e.InputHeaders, e.InputQueryStrings = b.inputs()
	if slices.Contains(e.InputHeaders, "*") {
		e.InputHeaders = []string{"*"}
	}
	if slices.Contains(e.InputQueryStrings, "*") {
		e.InputQueryStrings = []string{"*"}
	}
	e.ConcurrentCalls = b.number("concurrent_calls", mostConcurrent)
	backends := slices.Collect(b.objects("backend"))
	e.OutputEncoding = b.outputEncoding(outputOfBackends(s.OutputEncoding, b, backends))
	for _, o := range backends {
		e.Backends = append(e.Backends, o.backend(s, &e))
	}
	switch {
	case !b.has("backend"), b.emptyList("backend"):
		b.problem(b.at("backend"), "missing: an endpoint needs a backend")
	case len(backends) > 1 && e.OutputEncoding == "no-op":
		b.problem(b.at("backend"), "a no-op endpoint has one backend (got %d)", len(backends))
	}
	b.endpointExtra(s, &e)
	b.shadows(&e)
	b.laterAnswers(&e, backends)
	b.claims(&e, backends)
	b.wildcards(&e, backends)
	b.close(endpointAdvice)
	if !slices.Contains(endpointMethods, e.Method) && e.Method != "" {
		b.warn(b.at("method"), "%s is not served, the endpoint is skipped (one of %s)%s",
			show(e.Method), strings.Join(endpointMethods, ", "), didYouMean(e.Method, endpointMethods))
		return e, false
	}
	return e, true
}

func (b *block) endpointExtra(s *Service, e *Endpoint) {
	extra := b.extra(atEndpoint)
	e.Secure = extra["security/http"].secureHeaders()
	e.Bots = extra["security/bot-detector"].bots()
	e.Limits = endpointLimits(extra, e)
	e.Validator = extra["auth/validator"].validator(s.sharedKeyCache)
	b.signs(extra["auth/signer"], e)
	e.APIKeys = extra["auth/api-keys"].keyAccess(s)
	e.Basic = extra["auth/basic"].basic(s.basic)
	var calls *Layer
	e.Told, calls = extra["telemetry/opentelemetry"].tellsItself()
	inheritLayer(e, calls)
	b.endpointModify(extra, e)
	extra["proxy"].endpointProxy(e)
}

// outputOfBackends is what an endpoint without a known output_encoding writes:
// what the root says or, when the endpoint names one that nobody knows and has
// one backend, what that backend writes (KrakenD v3, 1.7).
func outputOfBackends(inherited string, e *block, backends []*block) string {
	v, _, there := e.find("output_encoding")
	name, _ := asText(v)
	if !there || name == "" {
		return inherited
	}
	if len(backends) != 1 {
		return "json"
	}
	v, _, _ = backends[0].find("encoding")
	switch encoding, _ := asText(v); encoding {
	case "string", "xml", "yaml":
		return encoding
	}
	return "json"
}

// outputEncoding reads output_encoding; an absent or unknown one gives fallback.
func (b *block) outputEncoding(fallback string) string {
	encoding := b.text("output_encoding")
	switch {
	case encoding == "":
		return fallback
	case encoding == "fast-json":
		return "json"
	case !slices.Contains(outputEncodings, encoding):
		b.warn(b.at("output_encoding"), "%s is unknown, %s is taken%s", show(encoding), fallback, didYouMean(encoding, outputEncodings))
		return fallback
	}
	return encoding
}

// inputs reads the lists of what is let through to the backends.
func (b *block) inputs() (headers, queries []string) {
	for _, h := range b.texts("input_headers") {
		headers = append(headers, textproto.CanonicalMIMEHeaderKey(h))
	}
	return headers, b.texts("input_query_strings")
}

var (
	// reservedPath is what KrakenD keeps for itself, under any prefix.
	reservedPath  = regexp.MustCompile(`/__(debug|echo|health)(/.*)?$`)
	wholeSegment  = regexp.MustCompile(`^\{([a-zA-Z0-9_-]+)\}$`)
	insideSegment = regexp.MustCompile(`\{([a-zA-Z0-9_.:-]+)\}`)
	touching      = regexp.MustCompile(`\{[a-zA-Z0-9_.:-]+\}\{[a-zA-Z0-9_.:-]+\}`)
)

// endpointPath reads the path of an endpoint and the names of its parameters. A
// missing leading slash is added (KrakenD v3, 9). The path is "" when it is wrong.
func (b *block) endpointPath(anywhere bool) (path string, params []string) {
	written, where := b.text("endpoint"), b.at("endpoint")
	if written == "" {
		if v, _, ok := b.find("endpoint"); !ok || v == "" {
			b.problem(where, "missing: the path that clients call, such as /users/{id}")
		}
		return "", nil
	}
	path = "/" + strings.TrimLeft(written, "/")
	if wrong := wrongPath(path); wrong != "" {
		b.problem(where, "%s (got %s)", wrong, show(written))
		return "", nil
	}
	params, literal := pathParams(path, anywhere)
	for i, name := range params {
		if slices.Contains(params[:i], name) {
			b.problem(where, "{%s} stands twice: give each parameter its own name", name)
			return "", nil
		}
	}
	if pair := touching.FindString(path); anywhere && pair != "" {
		b.problem(where, "nothing stands between the parameters %s, so none knows where it ends", pair)
		return "", nil
	}
	for _, segment := range literal {
		b.warn(where, "%s is not a parameter but literal text%s", segment, literalHint(segment, anywhere))
	}
	return path, params
}

// wrongPath says why no endpoint can have a path; "" when one can.
func wrongPath(path string) string {
	switch {
	case reservedPath.MatchString(path):
		return "/__health, /__debug and /__echo are kept for the gateway itself"
	case strings.HasSuffix(path, CatchAll) && path != CatchAll:
		return CatchAll + " stands alone: it is every path that no other endpoint has; below a path it is /*"
	case strings.Contains(strings.TrimSuffix(path, "/*"), "*"):
		return "a * is a whole segment, and the last one, as in /files/*"
	case strings.ContainsAny(path, "?#"):
		return "must be a path without a query or a fragment"
	case strings.ContainsFunc(path, isControl):
		return "must not hold control characters"
	}
	for segment := range strings.SplitSeq(path, "/") {
		if name, colon := strings.CutPrefix(segment, ":"); colon && name != "" {
			return "a parameter is written {" + name + "}"
		}
	}
	return ""
}

func literalHint(segment string, anywhere bool) string {
	if !anywhere && insideSegment.MatchString(segment) && !wholeSegment.MatchString(segment) {
		return " (a parameter takes a whole segment, unless disable_rest is true)"
	}
	return ""
}

// pathParams gives the names of the parameters in a path, and the segments that
// hold braces but no parameter. Anywhere is disable_rest: a parameter may then be
// a part of a segment.
func pathParams(path string, anywhere bool) (names, literal []string) {
	for segment := range strings.SplitSeq(path, "/") {
		rest := segment
		if anywhere {
			for _, m := range insideSegment.FindAllStringSubmatch(segment, -1) {
				names = append(names, m[1])
			}
			rest = insideSegment.ReplaceAllString(segment, "")
		} else if m := wholeSegment.FindStringSubmatch(segment); m != nil {
			names = append(names, m[1])
			rest = ""
		}
		if strings.ContainsAny(rest, "{}") {
			literal = append(literal, segment)
		}
	}
	return names, literal
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
