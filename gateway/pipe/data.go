package pipe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/gateway/config"
)

// data is the pipe of endpoints whose backends' answers are decoded, shaped, merged
// and rendered.
type data struct {
	common
	source       source
	only         *part // stands for source, holds and shadows where it is all there is
	shadows      []*shadow
	post         Post // over the whole answer; nil: nothing
	skip         bool // no backend is asked
	holds        bool // several calls need the request's body
	render       render
	cacheControl []string // nil: none
	signer       *signer  // nil: nothing is signed
}

func newData(e *config.Endpoint, names []string, o *Options, c common) (*data, error) {
	d := &data{common: c, holds: len(e.Backends) > 1 || e.ConcurrentCalls > 1, cacheControl: cacheControl(e.CacheTTL)}
	d.post, d.skip = o.post(e.LuaProxy), skips(e.LuaProxy)
	regular := *e
	regular.Backends = nil
	var called []*backend.Backend
	for i := range e.Backends {
		b := &e.Backends[i]
		one, err := newBackend(e, i, names, o)
		if err != nil {
			return nil, err
		}
		if !b.Proxy.Shadow {
			regular.Backends, called = append(regular.Backends, *b), append(called, one)
			continue
		}
		d.shadows = append(d.shadows, &shadow{
			part: part{backend: one, post: o.post(b.Lua)}, name: c.name, timeout: cmp.Or(b.Proxy.ShadowTimeout, e.Timeout), shadows: o.Shadows,
		})
	}
	if len(called) == 0 {
		return nil, errors.New("backend: an endpoint needs a backend that is no shadow")
	}
	d.source = newSource(&regular, called, o)
	if p, ok := d.source.(*part); ok && !d.holds {
		d.only = p
	}
	only := ""
	if len(called) == 1 {
		only = regular.Backends[0].Encoding
	}
	d.render = newRender(e.OutputEncoding, only)
	if e.Signer == nil {
		return d, nil
	}
	signs, err := o.Signer(e)
	if err != nil {
		return nil, err
	}
	d.signer, d.failed = &signer{signs}, http.StatusBadRequest
	d.cacheControl = nil // tokens are not for caches (RFC 6749, 5.1); KrakenD says nothing either
	return d, nil
}

// newSource builds where the data of e comes from. called are its backends, compiled,
// without shadows.
func newSource(e *config.Endpoint, called []*backend.Backend, o *Options) source {
	parts := make([]source, len(called))
	// Nobody but the parts themselves looks into the data.
	raw := e.OutputEncoding == "json" && e.Proxy.Static == nil && (len(called) == 1 || !e.Proxy.Sequential && len(e.Proxy.Flatmap) == 0)
	for i, one := range called {
		b := &e.Backends[i]
		p := &part{
			backend: one, shape: newShape(b), verdict: newVerdict(b.AnswerChecks, o.Logger), post: o.post(b.Lua),
			calls: e.ConcurrentCalls, budget: percent(e.Timeout, raceBudget),
		}
		if p.cut = newCut(b, &p.shape); p.cut != nil && raw && b.Encoding == "json" {
			one.KeepRaw()
		}
		if e.Proxy.Sequential && quoted(e, i) {
			one.KeepText()
		}
		parts[i] = p
	}
	all := parts[0]
	switch budget := percent(e.Timeout, mergeBudget); {
	case len(parts) == 1:
	case e.Proxy.Sequential:
		all = &sequence{parts: parts, budget: budget}
	default:
		all = &parallel{parts: parts, budget: budget, logger: o.Logger}
	}
	if len(parts) > 1 && len(e.Proxy.Flatmap) > 0 {
		all = &reshaped{source: all, flatmap: newFlatmap(e.Proxy.Flatmap)}
	}
	if e.Proxy.Static != nil {
		fixed := newStatic(all, e.Proxy.Static)
		fixed.lends = e.LuaProxy != nil && e.LuaProxy.Post != nil
		all = fixed
	}
	return all
}

func cacheControl(ttl time.Duration) []string {
	if ttl < time.Second {
		return nil
	}
	return []string{fmt.Sprintf("public, max-age=%d", int(ttl.Seconds()))}
}

// Serve implements Pipe.
func (d *data) Serve(w http.ResponseWriter, r *http.Request, values []string) {
	h := w.Header()
	SetHeaders(h, d.version)
	ctx, cancel := context.WithTimeout(r.Context(), d.timeout)
	defer cancel()
	body := openUpload(w, r)
	defer body.finish()
	call := d.inbound.call(r, values, body)
	var answer *backend.Answer
	var err error
	switch {
	case d.skip:
		answer = unasked()
	case d.only != nil:
		answer, err = d.only.once(ctx, &call)
	default:
		answer, err = d.fetch(ctx, w, call)
	}
	body.answered(w, r)
	if answer != nil && d.verdict != nil {
		if aborted := d.verdict.onData(r.Context(), answer); aborted != nil {
			answer.Release()
			answer, err = nil, aborted
		}
	}
	if d.post != nil && answer != nil { // a partial one too: what a script takes out must not pass
		var failed error
		if answer, failed = posted(ctx, d.post, answer); failed != nil {
			err = failed
		}
	}
	if d.signer != nil {
		answer, err = d.signer.sign(ctx, answer, err)
	}
	if answer == nil {
		d.fail(w, r, err)
		return
	}
	defer answer.Release()
	if err != nil {
		d.logger.LogAttrs(r.Context(), slog.LevelError, "answer is partial", slog.String("endpoint", d.name), slog.String("error", err.Error()))
	}
	if (len(answer.Data) > 0 || answer.Raw != nil) && !answer.Failed {
		h["X-Krakend-Completed"] = completed
		if d.cacheControl != nil {
			h["Cache-Control"] = d.cacheControl
		}
	}
	w = restate(w, answer)
	if answer.Raw != nil {
		write(w, typeJSON, answer.Raw)
		return
	}
	d.render(w, r, answer.Data)
}

func (d *data) fetch(ctx context.Context, w http.ResponseWriter, call backend.Call) (*backend.Answer, error) {
	if d.holds {
		if err := hold(ctx, w, &call); err != nil {
			return nil, err
		}
	}
	for _, s := range d.shadows {
		s.call(ctx, again(&call))
	}
	return d.source.fetch(ctx, &call)
}

var _ Pipe = (*data)(nil)
