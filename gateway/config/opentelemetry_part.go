package config

// tellsItself reads telemetry/opentelemetry of one endpoint (KrakenD Enterprise): what
// its pipe and its backends tell instead of what layers of the root says, nil where
// that counts. A layer that is named here replaces that of the root as a whole.
func (b *block) tellsItself() (proxy, backend *Layer) {
	if b == nil {
		return nil, nil
	}
	if o := b.object("proxy"); o != nil {
		l := o.layer()
		proxy = &l
	}
	backend = b.backendTells()
	b.close(nil)
	return proxy, backend
}

// callsTell is tellsItself for one backend.
func (b *block) callsTell() *Layer {
	if b == nil {
		return nil
	}
	l := b.backendTells()
	b.close(nil)
	return l
}

func (b *block) backendTells() *Layer {
	o := b.object("backend")
	if o == nil {
		return nil
	}
	l := o.backendLayer()
	return &l
}

// inheritLayer gives the backends of e that say nothing themselves what e says.
func inheritLayer(e *Endpoint, backend *Layer) {
	for i := range e.Backends {
		if e.Backends[i].Told == nil {
			e.Backends[i].Told = backend
		}
	}
}
