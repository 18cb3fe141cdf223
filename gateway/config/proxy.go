package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// EndpointProxy is extra_config.proxy of an endpoint (KrakenD v3, 1.7).
type EndpointProxy struct {
	Sequential       bool     // one backend after the other
	PropagatedParams []string // of a sequence: resp0_a.b, resp0
	Static           *Static  // nil: none
	Flatmap          []FlatmapOp
}

// FlatmapOp is one operation of proxy.flatmap_filter on data.
type FlatmapOp struct {
	Type string   // move, append, del
	Args []string // of move and append two: source and destination; of del one or more
}

// Static is proxy.static: data that is added to answers.
type Static struct {
	Data     map[string]any
	Strategy string // always, success, errored, complete, incomplete
}

// BackendProxy is extra_config.proxy of a backend.
type BackendProxy struct {
	Shadow        bool          // called in the background, its answer ignored
	ShadowTimeout time.Duration // 0: the endpoint's
	Flatmap       []FlatmapOp   // instead of allow, deny and mapping
}

// mostConcurrent bounds concurrent_calls: each is a request to the same backend.
const mostConcurrent = 100

var staticStrategies = []string{"always", "success", "errored", "complete", "incomplete"}

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
	if e.Proxy.Sequential && len(e.Backends) == 1 {
		b.warn(b.at("sequential"), "has no effect on one backend")
	}
	for i, name := range e.Proxy.PropagatedParams {
		n, ok := laterIndex(name)
		if ok && e.Proxy.Sequential {
			for k := n + 1; k < len(e.Backends); k++ {
				e.Backends[k].Propagated = append(e.Backends[k].Propagated, name)
			}
		}
		if !ok || n >= len(e.Backends)-1 || !e.Proxy.Sequential {
			b.warn(b.elementAt("sequential_propagated_params", i), "has no effect: it is no value of a backend before the last in a sequence, such as resp0_id (got %s)", show(name))
		}
	}
	e.Proxy.Static = b.object("static").static()
	if e.OutputEncoding == "no-op" && e.Proxy.Static != nil {
		b.warn(b.at("static"), "has no effect: a no-op endpoint passes answers on as they are")
		e.Proxy.Static = nil
	}
	e.Proxy.Flatmap = b.flatmap()
	if len(e.Proxy.Flatmap) > 0 && len(e.Backends) == 1 {
		b.warn(b.at("flatmap_filter"), "has no effect on one backend: put it into the extra_config of the backend")
	}
	e.MaxPayload = b.number("max_payload", mostPayload)
	// Every backend has a request of its own here; the others are invented or of the
	// Enterprise Edition.
	b.ignore("force_sandboxed_request", "combiner", "decompress_gzip")
	b.close(nil)
}

// static reads proxy.static; nil when there is no data in it.
func (b *block) static() *Static {
	if b == nil {
		return nil
	}
	s := &Static{Strategy: cmp.Or(b.text("strategy"), "always")}
	if !slices.Contains(staticStrategies, s.Strategy) {
		b.warn(b.at("strategy"), "%s is unknown, always is taken%s", show(s.Strategy), didYouMean(s.Strategy, staticStrategies))
		s.Strategy = "always"
	}
	data := b.object("data")
	b.close(nil)
	if data == nil || len(data.values) == 0 {
		b.warn(b.at("data"), "missing: nothing is added to answers")
		return nil
	}
	s.Data = data.values
	return s
}

// backendProxy reads extra_config.proxy of out; a nil block gives the defaults.
func (b *block) backendProxy(out *Backend) {
	if b == nil {
		return
	}
	out.Proxy = BackendProxy{Shadow: b.flag("shadow"), ShadowTimeout: b.duration("shadow_timeout")}
	if b.has("shadow_timeout") && !out.Proxy.Shadow {
		b.warn(b.at("shadow_timeout"), "has no effect without shadow")
	}
	out.Proxy.Flatmap = b.flatmap()
	b.ignore("decompress_gzip")
	b.close(nil)
}

var flatmapTypes = []string{"move", "append", "del"}

// flatmap reads flatmap_filter. An operation that KrakenD does not know, or not with
// these arguments, changes nothing there, nor here.
func (b *block) flatmap() []FlatmapOp {
	var list []FlatmapOp
	for o := range b.objects("flatmap_filter") {
		op := FlatmapOp{Type: o.text("type"), Args: o.texts("args")}
		o.close(nil)
		switch {
		case !slices.Contains(flatmapTypes, op.Type):
			o.warn(o.at("type"), "%s is unknown, the operation is skipped (one of %s)%s", show(op.Type), strings.Join(flatmapTypes, ", "), didYouMean(op.Type, flatmapTypes))
		case op.Type == "del" && len(op.Args) == 0:
			o.warn(o.at("args"), "missing, the operation is skipped: name the paths to delete")
		case op.Type != "del" && len(op.Args) != 2:
			o.warn(o.at("args"), "the operation is skipped: %s needs a source and a destination (got %d)", op.Type, len(op.Args))
		default:
			list = append(list, op)
		}
	}
	return list
}

// flatmapWins says what a flatmap_filter takes the place of.
func (b *block) flatmapWins(out *Backend) {
	if len(out.Proxy.Flatmap) == 0 {
		return
	}
	for _, key := range []string{"allow", "deny", "mapping"} {
		if v, path, ok := b.find(key); ok && !empty(v) {
			b.warn(path, "ignored, since proxy.flatmap_filter is there")
		}
	}
	out.Allow, out.Deny, out.Mapping = nil, nil, nil
}

// shadows checks that the client of e gets an answer from somebody.
func (b *block) shadows(e *Endpoint) {
	if len(e.Backends) > 0 && !slices.ContainsFunc(e.Backends, func(out Backend) bool { return !out.Proxy.Shadow }) {
		b.problem(b.at("backend"), "every backend is a shadow: an endpoint needs one that answers (got %d)", len(e.Backends))
	}
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

// claims checks the placeholders for claims of a token: without one that is validated
// they never get a value.
func (b *block) claims(e *Endpoint, backends []*block) {
	if e.Validator != nil {
		return
	}
	for i, o := range backends {
		for _, m := range placeholder.FindAllStringSubmatch(e.Backends[i].URLPattern, -1) {
			if name := m[1]; strings.HasPrefix(name, "JWT.") && !slices.Contains(e.Params, name) {
				o.problem(o.at("url_pattern"), "{%s} needs auth/validator in the extra_config of the endpoint", name)
				break
			}
		}
	}
}

// laterAnswers checks the placeholders for answers of other backends: KrakenD sends
// one that never gets a value to the backend as it is.
func (b *block) laterAnswers(e *Endpoint, backends []*block) {
	turn := 0              // in the sequence, which has no shadows
	var encodings []string // of those before
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
			case e.Backends[i].Proxy.Shadow:
				o.problem(o.at("url_pattern"), "{%s} is never known to a shadow, which is not in the sequence", name)
			case n >= turn:
				o.problem(o.at("url_pattern"), "{%s} is not known yet: this is backend %d of the sequence, counted from 0", name, turn)
			case !strings.Contains(name, "_") && encodings[n] != "no-op":
				o.warn(o.at("url_pattern"), "{%s} stays as it is: the whole answer is that of a backend with the encoding no-op; name a field, as in {%s_id}", name, name)
			}
		}
		if !e.Backends[i].Proxy.Shadow {
			turn++
			encodings = append(encodings, e.Backends[i].Encoding)
		}
	}
}
