package config

import (
	"slices"
	"strconv"
	"strings"
)

// EndpointProxy is extra_config.proxy of an endpoint (KrakenD v3, 1.7).
type EndpointProxy struct {
	Sequential       bool     // one backend after the other
	PropagatedParams []string // of a sequence: resp0_a.b, resp0
}

// endpointProxy reads extra_config.proxy of e, whose backends have been read; a nil
// block gives the defaults.
func (b *block) endpointProxy(e *Endpoint) {
	if b == nil {
		return
	}
	e.Proxy = EndpointProxy{
		Sequential:       b.flag("sequential"),
		PropagatedParams: b.texts("sequential_propagated_params"),
	}
	for i, name := range e.Proxy.PropagatedParams {
		if n, ok := laterIndex(name); !ok || n >= len(e.Backends)-1 || !e.Proxy.Sequential {
			b.warn(b.elementAt("sequential_propagated_params", i), "has no effect: it is no value of a backend before the last in a sequence, such as resp0_id (got %s)", show(name))
		}
	}
	b.refuse("static", "the static data would be missing from answers")
	b.refuse("max_payload", "bodies of any size would be let through")
	// Every backend has a request of its own here; the others are invented or of the
	// Enterprise Edition.
	b.ignore("force_sandboxed_request", "combiner", "decompress_gzip", "flatmap_filter")
	b.close(nil)
}

// laterIndex is N of respN and respN_field.
func laterIndex(name string) (n int, ok bool) {
	if !laterAnswer.MatchString(name) {
		return 0, false
	}
	digits, _, _ := strings.Cut(strings.TrimPrefix(name, "resp"), "_")
	n, err := strconv.Atoi(digits)
	return n, err == nil
}

// laterAnswers checks the placeholders for answers of other backends: KrakenD sends
// one that never gets a value to the backend as it is.
func (b *block) laterAnswers(e *Endpoint, backends []*block) {
	for i, o := range backends {
		var said []string
		for _, m := range placeholder.FindAllStringSubmatch(e.Backends[i].URLPattern, -1) {
			name := m[1]
			n, ok := laterIndex(name)
			if !ok || slices.Contains(e.Params, name) || slices.Contains(said, name) {
				continue
			}
			said = append(said, name)
			switch {
			case !e.Proxy.Sequential:
				o.problem(o.at("url_pattern"), "{%s} needs backends that are called one after the other: set proxy.sequential in the extra_config of the endpoint", name)
			case n >= i:
				o.problem(o.at("url_pattern"), "{%s} is not known yet: this is backend %d of the sequence, counted from 0", name, i)
			}
		}
	}
}
