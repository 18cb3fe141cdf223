package pipe

import (
	"context"
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
	holds        bool // several calls need the request's body
	render       render
	cacheControl []string // nil: none
}

func newData(e *config.Endpoint, names []string, o *Options, c common) (*data, error) {
	d := &data{common: c, holds: len(e.Backends) > 1, cacheControl: cacheControl(e.CacheTTL)}
	var err error
	if d.source, err = newSource(e, names, o); err != nil {
		return nil, err
	}
	only := ""
	if len(e.Backends) == 1 {
		only = e.Backends[0].Encoding
	}
	d.render, err = newRender(e.OutputEncoding, only)
	return d, err
}

// newSource compiles where the data of e comes from.
func newSource(e *config.Endpoint, names []string, o *Options) (source, error) {
	parts := make([]source, len(e.Backends))
	for i := range e.Backends {
		b := &e.Backends[i]
		called, err := newBackend(e, i, names, o)
		if err != nil {
			return nil, err
		}
		p := &part{backend: called, shape: newShape(b)}
		if len(parts) == 1 && p.shape.none() && !b.IsCollection && b.Encoding == "json" && e.OutputEncoding == "json" {
			called.KeepRaw()
		}
		if e.Proxy.Sequential && quoted(e, i) {
			called.KeepText()
		}
		parts[i] = p
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	if e.Proxy.Sequential {
		return &sequence{parts: parts, budget: percent(e.Timeout, mergeBudget)}, nil
	}
	return &parallel{parts: parts, budget: percent(e.Timeout, mergeBudget), logger: o.Logger}, nil
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
	defer body.finish(w)
	call := d.inbound.call(r, values, body)
	answer, err := d.fetch(ctx, w, &call)
	body.answered(w, r)
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
	if answer.Raw != nil {
		write(w, typeJSON, answer.Raw)
		return
	}
	d.render(w, answer.Data)
}

func (d *data) fetch(ctx context.Context, w http.ResponseWriter, call *backend.Call) (*backend.Answer, error) {
	if d.holds {
		if err := hold(ctx, w, call); err != nil {
			return nil, err
		}
	}
	return d.source.fetch(ctx, call)
}

var _ Pipe = (*data)(nil)
