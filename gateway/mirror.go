package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/gateway/pipe"
)

// maxMirrored bounds, in bytes, the body that /__debug logs and /__echo repeats.
const maxMirrored = 1 << 20

// health answers /__health.
type health struct{}

// Serve implements pipe.Pipe.
func (health) Serve(w http.ResponseWriter, _ *http.Request, _ []string) {
	writeJSON(w, map[string]any{"agents": map[string]string{}, "now": time.Now().String(), "status": "ok"})
}

// mirror answers /__debug, which logs the request, and /__echo, which repeats it,
// for any method (KrakenD v3, 1.9).
func (h *handler) mirror(a *answer, r *http.Request, path string) {
	body, err := io.ReadAll(http.MaxBytesReader(a, r.Body, maxMirrored))
	if err != nil {
		a.WriteHeader(http.StatusBadRequest)
		return
	}
	if under(path, "/__debug") {
		h.logger.Debug("/__debug", "method", r.Method, "url", r.RequestURI, "query", r.URL.Query(), "headers", r.Header, "body", string(body))
		writeJSON(a, map[string]string{"message": "pong"})
		return
	}
	writeJSON(a, map[string]any{
		"req_uri": r.RequestURI,
		"req_uri_details": map[string]string{
			"user": r.URL.User.Username(), "host": r.Host, "path": r.URL.Path, "query": r.URL.RawQuery, "fragment": r.URL.Fragment,
		},
		"req_method":      r.Method,
		"req_querystring": r.URL.Query(),
		"req_body":        string(body),
		"req_headers":     r.Header,
	})
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		return // the client has gone
	}
}

var _ pipe.Pipe = health{}
