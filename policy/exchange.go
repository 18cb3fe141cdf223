package policy

import (
	"net/http"
	"net/textproto"
	"net/url"
	"reflect"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/gatemeter/gatemeter/moesif"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// exchange resolves an expression's names for one evaluation. What has to be
// made of the exchange is made on its first use, and kept.
//
// It is itself the value that macros look into, so that they need no maps.
type exchange struct {
	subject *moesif.Subject
	answer  *Answer // instead of the subject's; nil: that is it
	sees    phase
	made    map[string]any
}

var (
	_ cel.Activation = (*exchange)(nil)
	_ ref.Val        = (*exchange)(nil)
)

// Parent is part of cel.Activation.
func (x *exchange) Parent() cel.Activation { return nil }

// ResolveName is part of cel.Activation.
func (x *exchange) ResolveName(name string) (any, bool) {
	s := x.subject
	if strings.HasPrefix(name, "resp_") {
		switch {
		case x.sees == requests:
			return nil, false
		case x.answer != nil:
			return x.once(name, x.fromAnswer)
		}
	} else if x.sees == answers && name != "now" {
		return nil, false
	}
	switch name {
	case itself:
		return x, true
	case "req_method":
		return types.String(s.Method), true
	case "req_path":
		return types.String(s.Path), true
	case "resp_status", "resp_metadata_status":
		return types.Int(s.Status), true
	case "resp_completed":
		value, _ := field(s.ResponseHeaders, "X-Krakend-Completed")
		return types.Bool(value == "true"), true
	case "now":
		at := s.Time
		if x.answer != nil {
			at = x.answer.Time
		}
		return at.UTC().Format("2006-01-02T15:04:05.000Z07:00"), true
	}
	return x.once(name, x.make)
}

// once gives what from makes of name, at its first use.
func (x *exchange) once(name string, from func(string) any) (any, bool) {
	value, made := x.made[name]
	if !made {
		if value = from(name); value == nil {
			return nil, false
		}
		if x.made == nil {
			x.made = map[string]any{}
		}
		x.made[name] = value
	}
	return value, true
}

// make returns what takes work, nil for an unknown name.
func (x *exchange) make(name string) any {
	s := x.subject
	switch name {
	case "JWT":
		if s.Claims == nil {
			return map[string]any{}
		}
		return numbers(s.Claims)
	case "req_params", "req_path_params":
		return newParams(s.Params)
	case "req_headers":
		return fields(s.Headers)
	case "req_querystring":
		// Pairs that can not be read are left out, as everywhere in KrakenD.
		values, _ := url.ParseQuery(s.RawQuery)
		return map[string][]string(values)
	case "req_body":
		return text(s.RequestBody, s.Headers)
	case "resp_body":
		return text(s.ResponseBody, s.ResponseHeaders)
	case "resp_data":
		return object(s.ResponseBody, s.ResponseHeaders)
	case "resp_headers", "resp_metadata_headers":
		return fields(s.ResponseHeaders)
	}
	return nil
}

// fields is header fields by canonical name.
func fields(of wire.Headers) map[string][]string {
	h := make(map[string][]string, len(of))
	for _, f := range of {
		name := textproto.CanonicalMIMEHeaderKey(f.Name)
		h[name] = append(h[name], f.Value)
	}
	return h
}

// field returns the first value of a field, its name in any case.
func field(of wire.Headers, name string) (value string, present bool) {
	for i := range of {
		if strings.EqualFold(of[i].Name, name) {
			return of[i].Value, true
		}
	}
	return "", false
}

// cookie returns the value of a cookie of the request.
func (x *exchange) cookie(name string) (value string, present bool) {
	r := http.Request{Header: http.Header{}}
	for _, f := range x.subject.Headers {
		if strings.EqualFold(f.Name, "Cookie") {
			r.Header.Add("Cookie", f.Value)
		}
	}
	c, err := r.Cookie(name)
	if err != nil {
		return "", false
	}
	return c.Value, true
}

// params are a route's parameters. KrakenD names them with a capital first
// letter; here they are found as they are written in the route, too.
type params struct{ traits.Mapper }

func newParams(of map[string]string) params {
	named := make(map[string]string, len(of))
	for name, value := range of {
		named[capital(name)] = value
	}
	return params{types.NewStringStringMap(types.DefaultTypeAdapter, named)}
}

func capital(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// Find is part of traits.Mapper.
func (p params) Find(key ref.Val) (ref.Val, bool) {
	if name, ok := key.(types.String); ok {
		key = types.String(capital(string(name)))
	}
	return p.Mapper.Find(key)
}

// Contains is part of traits.Container.
func (p params) Contains(key ref.Val) ref.Val {
	_, found := p.Find(key)
	return types.Bool(found)
}

// Get is part of traits.Indexer.
func (p params) Get(key ref.Val) ref.Val {
	if value, found := p.Find(key); found {
		return value
	}
	return types.NewErr("no such key: %v", key)
}

// itself names the exchange in what macros expand to. No expression can spell it.
const itself = "@request"

var itselfType = types.NewOpaqueType(itself)

// ConvertToNative is part of ref.Val.
func (x *exchange) ConvertToNative(reflect.Type) (any, error) { return x, nil }

// ConvertToType is part of ref.Val.
func (x *exchange) ConvertToType(ref.Type) ref.Val { return types.NewErr("no such conversion") }

// Equal is part of ref.Val.
func (x *exchange) Equal(other ref.Val) ref.Val { return types.Bool(ref.Val(x) == other) }

// Type is part of ref.Val.
func (x *exchange) Type() ref.Type { return itselfType }

// Value is part of ref.Val.
func (x *exchange) Value() any { return x }
