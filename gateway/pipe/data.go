package pipe

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// data is the pipe of endpoints whose backend's answer is decoded, shaped and
// rendered.
type data struct {
	common
	shape        shape
	render       render
	cacheControl []string // nil: none
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
	answer, err := d.backend.Fetch(ctx, &call)
	body.answered(w, r)
	if err != nil {
		d.fail(w, r, err)
		return
	}
	defer answer.Release()
	object := answer.Data
	if !answer.Failed {
		object = d.shape.apply(object)
	}
	if (len(object) > 0 || answer.Raw != nil) && !answer.Failed {
		h["X-Krakend-Completed"] = completed
		if d.cacheControl != nil {
			h["Cache-Control"] = d.cacheControl
		}
	}
	if answer.Raw != nil {
		write(w, typeJSON, answer.Raw)
		return
	}
	d.render(w, object)
}

var _ Pipe = (*data)(nil)
