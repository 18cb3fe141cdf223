package policy

import (
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"

	"github.com/gatemeter/gatemeter/moesif"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// environment declares what an expression can name. It is made once.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	lists := cel.MapType(cel.StringType, cel.ListType(cel.StringType))
	options := []cel.EnvOption{
		cel.Variable("req_method", cel.StringType),
		cel.Variable("req_path", cel.StringType),
		cel.Variable("req_params", cel.MapType(cel.StringType, cel.StringType)),
		cel.Variable("req_headers", lists),
		cel.Variable("req_querystring", lists),
		cel.Variable("resp_completed", cel.BoolType),
		cel.Variable("resp_metadata_status", cel.IntType),
		cel.Variable("resp_metadata_headers", lists),
		cel.Variable("JWT", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("now", cel.StringType),
	}
	return cel.NewEnv(append(options, macros()...)...)
})

// exchange resolves an expression's names, each on its first use.
type exchange struct {
	subject *moesif.Subject
}

var _ cel.Activation = (*exchange)(nil)

// Parent is part of cel.Activation.
func (x *exchange) Parent() cel.Activation { return nil }

// ResolveName is part of cel.Activation.
func (x *exchange) ResolveName(name string) (any, bool) {
	s := x.subject
	switch name {
	case "req_method":
		return s.Method, true
	case "req_path":
		return s.Path, true
	case "req_params":
		return params(s.Params), true
	case "req_headers":
		return map[string][]string(fields(s.Headers)), true
	case "req_querystring":
		// Pairs that can not be read are left out, as everywhere in KrakenD.
		values, _ := url.ParseQuery(s.RawQuery)
		return map[string][]string(values), true
	case "resp_completed":
		return fields(s.ResponseHeaders).first("X-Krakend-Completed") == "true", true
	case "resp_metadata_status":
		return int64(s.Status), true
	case "resp_metadata_headers":
		return map[string][]string(fields(s.ResponseHeaders)), true
	case "JWT":
		if s.Claims == nil {
			return map[string]any{}, true
		}
		return s.Claims, true
	case "now":
		return s.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00"), true
	}
	return nil, false
}

// params names a route's parameters as KrakenD does: with a capital first letter.
func params(of map[string]string) map[string]string {
	named := make(map[string]string, len(of))
	for name, value := range of {
		if name != "" {
			named[strings.ToUpper(name[:1])+name[1:]] = value
		}
	}
	return named
}

// header is header fields by canonical name.
type header map[string][]string

func fields(of wire.Headers) header {
	h := make(header, len(of))
	for _, f := range of {
		name := textproto.CanonicalMIMEHeaderKey(f.Name)
		h[name] = append(h[name], f.Value)
	}
	return h
}

// first is the first value of a field, "" when it is absent.
func (h header) first(name string) string {
	if values := h[textproto.CanonicalMIMEHeaderKey(name)]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// cookie is the value of a cookie, and whether the request has it.
func (h header) cookie(name string) (string, bool) {
	r := http.Request{Header: http.Header(h)}
	c, err := r.Cookie(name)
	if err != nil {
		return "", false
	}
	return c.Value, true
}
