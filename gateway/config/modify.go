package config

// endpointModify reads what looks into the requests of an endpoint.
func (b *block) endpointModify(extra map[string]*block, e *Endpoint) {
	e.BodySchema = extra["validation/json-schema"].bodySchema()
	e.Lua = extra["modifier/lua-endpoint"].endpointScript()
	e.LuaProxy = extra["modifier/lua-proxy"].callScript()
	b.endpointExpressions(extra, e)
}

// backendModify reads what looks into, or changes, the calls of a backend.
func (b *block) backendModify(extra map[string]*block, e *Endpoint, out *Backend) {
	b.backendExpressions(extra, out)
	if o := extra["modifier/martian"]; o != nil {
		out.Martian = o.modifier()
	}
	out.Client = extra["backend/http/client"].httpClient()
	out.Lua = extra["modifier/lua-backend"].callScript()
	out.Cache = extra["qos/http-cache"].httpCache()
	out.GraphQL = extra["backend/graphql"].graphQL(e)
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
