package config

import (
	"maps"
	"slices"
	"strings"
)

// level is a place where extra_config may stand.
type level string

const (
	atService  level = "the root of the file"
	atEndpoint level = "an endpoint"
	atBackend  level = "a backend"
)

// served says where the namespaces that this build serves belong.
var served = map[string][]level{
	"router":                  {atService},
	"telemetry/moesif":        {atService},
	"telemetry/logging":       {atService},
	"telemetry/metrics":       {atService},
	"telemetry/opentelemetry": {atService, atEndpoint, atBackend},
	"proxy":                   {atEndpoint, atBackend},
	"backend/http":            {atBackend},

	"security/cors":         {atService},
	"security/http":         {atService, atEndpoint},
	"security/bot-detector": {atService, atEndpoint},
	"security/policies":     {atEndpoint, atBackend, atService},

	"qos/ratelimit/router": {atEndpoint},
	"qos/ratelimit/proxy":  {atBackend},

	"qos/ratelimit/service": {atService},

	"qos/ratelimit/tiered": {atService, atEndpoint},
	"qos/circuit-breaker":  {atBackend},

	"governance/processors": {atService},
	"governance/quota":      {atService, atEndpoint, atBackend},
	"redis":                 {atService},

	"auth/validator": {atEndpoint, atService},
	"auth/signer":    {atEndpoint},
	"auth/revoker":   {atService},
	"auth/api-keys":  {atEndpoint, atService},
	"auth/basic":     {atEndpoint, atService},

	"auth/client-credentials": {atBackend},
	"validation/json-schema":  {atEndpoint},
	"validation/cel":          {atEndpoint, atBackend},
	"modifier/martian":        {atBackend},
	"backend/http/client":     {atBackend},
	"backend/graphql":         {atBackend},
	"qos/http-cache":          {atBackend},
	"modifier/lua-endpoint":   {atEndpoint, atService},
	"modifier/lua-proxy":      {atEndpoint},
	"modifier/lua-backend":    {atBackend},
}

// listed are the served namespaces whose block is a list. extra gives it inside a
// block of one key.
var listed = []string{"validation/cel"}

// refused says what would be lost, by namespace or by family, if a file were
// served without it.
var refused = map[string]string{
	"auth/":                    "calls would not be authenticated",
	"auth/client-credentials":  "the backend would be called without a token",
	"validation/":              "calls would not be validated",
	"security/":                "calls would not be protected by it",
	"qos/":                     "calls would not be limited by it",
	"qos/circuit-breaker":      "a failing backend would go on being called",
	"qos/http-cache":           "answers of the backend would not be cached",
	"plugin/":                  "the plugin would not run",
	"modifier/":                "calls would not be modified by it",
	"governance/":              "no quota would be enforced",
	"async/":                   "no message would be consumed",
	"backend/":                 "the backend would not be reached this way",
	"ai/":                      "calls would not be handled by it",
	"grpc":                     "no gRPC would be served or called",
	"websocket":                "no websocket would be multiplexed; a no-op endpoint that lets the upgrade headers through carries one",
	"workflow":                 "the workflow would not run",
	"server/static-filesystem": "no files would be served",
	"server/virtualhost":       "the hosts would not be told apart",
}

// ignored are namespaces whose absence changes no answer.
var ignored = []string{
	"telemetry/opencensus", "telemetry/influx", "telemetry/gelf", "telemetry/logstash",
	"telemetry/newrelic", "telemetry/ganalytics", "telemetry/instana", "telemetry/opentelemetry-security",
	"documentation/openapi", "documentation/postman",
}

// guarded are the namespaces worth a suggestion when a name is misspelt.
var guarded = []string{
	"auth/validator", "auth/signer", "auth/revoker", "auth/api-keys", "auth/basic", "auth/client-credentials",
	"auth/gcp", "auth/ntlm", "auth/aws-sigv4",
	"validation/cel", "validation/json-schema", "validation/response-json-schema",
	"security/cors", "security/http", "security/bot-detector", "security/policies",
	"qos/ratelimit/router", "qos/ratelimit/proxy", "qos/ratelimit/service", "qos/ratelimit/tiered",
	"qos/circuit-breaker", "qos/circuit-breaker/http", "qos/http-cache",
	"plugin/http-server", "plugin/http-client", "plugin/req-resp-modifier", "plugin/middleware",
	"modifier/martian", "modifier/lua-endpoint", "modifier/lua-proxy", "modifier/lua-backend",
	"modifier/jmespath", "modifier/body-generator", "modifier/response-body-generator", "modifier/request-body-extractor",
	"governance/quota", "governance/processors",
	"backend/http/client", "backend/amqp/consumer", "backend/amqp/producer", "backend/lambda", "backend/graphql",
	"backend/grpc", "backend/soap", "backend/static-filesystem", "backend/conditional",
	"backend/pubsub/publisher", "backend/pubsub/subscriber",
	"async/amqp", "async/kafka",
}

// legacy maps the long names of versions 1 and 2, which KrakenD still reads, to
// the short ones (KrakenD v3, 1.1).
var legacy = map[string]string{
	"github_com/devopsfaith/krakend/transport/http/server/handler":  "plugin/http-server",
	"github.com/devopsfaith/krakend/transport/http/client/executor": "plugin/http-client",
	"github.com/devopsfaith/krakend/transport/http/client/graphql":  "backend/graphql",
	"github.com/devopsfaith/krakend/proxy/plugin":                   "plugin/req-resp-modifier",
	"github.com/devopsfaith/krakend/proxy":                          "proxy",
	"github.com/devopsfaith/krakend/http":                           "backend/http",
	"github_com/luraproject/lura/router/gin":                        "router",
	"github.com/devopsfaith/krakend-httpcache":                      "qos/http-cache",
	"github.com/devopsfaith/krakend-circuitbreaker/gobreaker":       "qos/circuit-breaker",
	"github.com/devopsfaith/krakend-oauth2-clientcredentials":       "auth/client-credentials",
	"github.com/devopsfaith/krakend-jose/validator":                 "auth/validator",
	"github.com/devopsfaith/krakend-jose/signer":                    "auth/signer",
	"github_com/devopsfaith/bloomfilter":                            "auth/revoker",
	"github_com/devopsfaith/krakend-botdetector":                    "security/bot-detector",
	"github_com/devopsfaith/krakend-httpsecure":                     "security/http",
	"github_com/devopsfaith/krakend-cors":                           "security/cors",
	"github.com/devopsfaith/krakend-cel":                            "validation/cel",
	"github.com/devopsfaith/krakend-jsonschema":                     "validation/json-schema",
	"github.com/devopsfaith/krakend-amqp/agent":                     "async/amqp",
	"github.com/devopsfaith/krakend-amqp/consume":                   "backend/amqp/consumer",
	"github.com/devopsfaith/krakend-amqp/produce":                   "backend/amqp/producer",
	"github.com/devopsfaith/krakend-lambda":                         "backend/lambda",
	"github.com/devopsfaith/krakend-pubsub/publisher":               "backend/pubsub/publisher",
	"github.com/devopsfaith/krakend-pubsub/subscriber":              "backend/pubsub/subscriber",
	"github_com/devopsfaith/krakend-gelf":                           "telemetry/gelf",
	"github_com/devopsfaith/krakend-gologging":                      "telemetry/logging",
	"github_com/devopsfaith/krakend-logstash":                       "telemetry/logstash",
	"github_com/devopsfaith/krakend-metrics":                        "telemetry/metrics",
	"github_com/letgoapp/krakend-influx":                            "telemetry/influx",
	"github_com/devopsfaith/krakend-opencensus":                     "telemetry/opencensus",
	"github.com/devopsfaith/krakend-lua/router":                     "modifier/lua-endpoint",
	"github.com/devopsfaith/krakend-lua/proxy":                      "modifier/lua-proxy",
	"github.com/devopsfaith/krakend-lua/proxy/backend":              "modifier/lua-backend",
	"github.com/devopsfaith/krakend-martian":                        "modifier/martian",
}

// forgotten are long names that KrakenD no longer reads, though files still
// count on them, and the long names in the spelling that it never read.
var forgotten = func() map[string]string {
	m := map[string]string{
		"github.com/devopsfaith/krakend-ratelimit/juju/router": "qos/ratelimit/router",
		"github.com/devopsfaith/krakend-ratelimit/juju/proxy":  "qos/ratelimit/proxy",
	}
	for long, short := range maps.Clone(legacy) {
		m[long] = short
	}
	for long, short := range maps.Clone(m) {
		domain, rest, _ := strings.Cut(long, "/")
		other := map[string]string{"github.com": "github_com", "github_com": "github.com"}[domain]
		m[other+"/"+rest] = short
	}
	return m
}()

// canonical gives the short name of a long namespace. A short name stays as it
// is; ok tells whether the name is one that KrakenD reads.
func canonical(written string) (short string, ok bool) {
	if short, ok := legacy[written]; ok {
		return short, true
	}
	if short, ok := forgotten[written]; ok {
		return short, false
	}
	_, isServed := served[written]
	return written, isServed || slices.Contains(ignored, written) || slices.Contains(guarded, written)
}

// extra reads the extra_config of b and gives the blocks that are served at this
// level by their short names. What this build can't do is refused when a file
// relies on it and warned of when it changes no answer.
func (b *block) extra(at level) map[string]*block {
	out := map[string]*block{}
	config := b.object("extra_config")
	if config == nil {
		return out
	}
	for _, written := range slices.Sorted(maps.Keys(config.values)) {
		v, path := config.values[written], under(config.path, written)
		if isComment(written) || v == nil {
			continue
		}
		short, known := canonical(written)
		if _, here := config.values[short]; here && short != written {
			config.warn(path, "ignored, since %s is there too", short)
			continue
		}
		levels, isServed := served[short]
		switch {
		case isServed && slices.Contains(levels, at):
			if !known {
				config.warn(path, "KrakenD does not read this spelling of %s; gatemeter does", short)
			}
			if slices.Contains(listed, short) {
				out[short] = newBlock(config.findings, config.path, map[string]any{written: v})
			} else if o := config.objectAt(path, v); o != nil {
				out[short] = o
			}
		case isServed:
			config.warn(path, "has no effect in %s, ignored (it belongs into %s)", at, levels[0])
		default:
			config.unserved(path, written, short)
		}
	}
	return out
}

// unserved judges a namespace that this build does not serve.
func (b *block) unserved(path, written, short string) {
	name := ""
	if written != short {
		name = " (" + short + ")"
	}
	if slices.Contains(ignored, short) {
		b.warn(path, "not supported yet%s, ignored", name)
		return
	}
	if loss := consequence(short); loss != "" {
		b.problem(path, "not supported yet%s: %s (remove it, or leave this to KrakenD)%s", name, loss, b.misspelt(short))
		return
	}
	known := append(slices.Sorted(maps.Keys(served)), slices.Concat(guarded, ignored)...)
	b.warn(path, "unknown namespace, ignored%s", didYouMean(written, known))
}

// misspelt suggests the namespace that an unknown one of a refused family was
// probably meant to be.
func (b *block) misspelt(short string) string {
	if slices.Contains(guarded, short) {
		return ""
	}
	return didYouMean(short, guarded)
}

// consequence says what a file loses without a namespace; "" when nothing.
// Case does not matter: who writes Auth/Validator means to be protected.
func consequence(namespace string) string {
	namespace = strings.ToLower(namespace)
	if loss, ok := refused[namespace]; ok {
		return loss
	}
	family, _, _ := strings.Cut(namespace, "/")
	return refused[family+"/"]
}
