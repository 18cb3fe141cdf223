package config

import "github.com/gatemeter/gatemeter/policy"

// endpointModify reads what looks into the requests of an endpoint.
func (b *block) endpointModify(extra map[string]*block, e *Endpoint) {
	e.BodySchema = extra["validation/json-schema"].bodySchema()
	e.Lua = extra["modifier/lua-endpoint"].endpointScript()
	e.LuaProxy = extra["modifier/lua-proxy"].callScript()
	cel := extra["validation/cel"]
	e.Checks, e.TokenChecks = cel.checks()
	if len(e.TokenChecks) > 0 && !b.extraHas("auth/validator") {
		b.problem(cel.at(cel.only()), "an expression about JWT needs auth/validator beside it: without a token it is never asked")
	}
}

// backendModify reads what looks into, or changes, the calls of a backend.
func (b *block) backendModify(extra map[string]*block, e *Endpoint, out *Backend) {
	cel := extra["validation/cel"]
	var token []*policy.Check
	if out.Checks, token = cel.checks(); len(token) > 0 {
		b.problem(cel.at(cel.only()), "an expression about JWT belongs into the endpoint, not into a backend")
	}
	if o := extra["modifier/martian"]; o != nil {
		out.Martian = o.modifier()
	}
	out.Client = extra["backend/http/client"].httpClient()
	out.Lua = extra["modifier/lua-backend"].callScript()
	out.Cache = extra["qos/http-cache"].httpCache()
	out.GraphQL = extra["backend/graphql"].graphQL(e)
}

// checks reads validation/cel: the expressions about the request, and those about
// its token. KrakenD tells them apart by what stands in the text, and never asks
// one that names none of its variables; here that is one about the request.
func (b *block) checks() (request, token []*policy.Check) {
	if b == nil {
		return nil, nil
	}
	for o := range b.objects(b.only()) {
		expression := o.text("check_expr")
		o.close(nil)
		if expression == "" {
			o.problem(o.at("check_expr"), "missing: an expression such as req_method == 'GET'")
			continue
		}
		c, err := policy.CompileCheck(expression)
		switch {
		case err != nil:
			o.problem(o.at("check_expr"), "%v", err)
		case c.Token:
			token = append(token, c)
		default:
			request = append(request, c)
		}
	}
	return request, token
}

// only is the one key of a block that extra has put around a list.
func (b *block) only() string {
	for key := range b.values {
		return key
	}
	return ""
}

// extraHas tells whether a namespace stands in b's extra_config, served or not.
func (b *block) extraHas(namespace string) bool {
	config := b.object("extra_config")
	if config == nil {
		return false
	}
	for written, v := range config.values {
		if short, _ := canonical(written); short == namespace && v != nil {
			return true
		}
	}
	return false
}
