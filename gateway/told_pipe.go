package gateway

import (
	"net/http"

	"github.com/gatemeter/gatemeter/gateway/pipe"
	"github.com/gatemeter/gatemeter/gateway/telemetry/otel"
)

// toldPipe is a pipe that the layer proxy of telemetry/opentelemetry tells of.
type toldPipe struct {
	pipe.Pipe
	tell *otel.Pipe
}

// tellOf puts what tells around p, which it gives as it is where nothing is told.
func tellOf(tell *otel.Pipe, p pipe.Pipe) pipe.Pipe {
	if tell == nil {
		return p
	}
	return toldPipe{p, tell}
}

// Serve implements pipe.Pipe.
func (t toldPipe) Serve(w http.ResponseWriter, r *http.Request, values []string) {
	r, work := t.tell.Begin(r)
	cut := true
	defer func() {
		status := 0
		if a, ours := w.(*answer); ours {
			status = a.status
		}
		work.End(status, w.Header().Get("X-Krakend-Completed") == "true", cut)
	}()
	t.Pipe.Serve(w, r, values)
	cut = false
}

var _ pipe.Pipe = toldPipe{}
