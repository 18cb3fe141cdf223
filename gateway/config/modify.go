package config

// endpointModify reads what looks into the requests of an endpoint.
func (b *block) endpointModify(extra map[string]*block, e *Endpoint) {
	e.BodySchema = extra["validation/json-schema"].bodySchema()
}
