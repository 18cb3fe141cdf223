package gateway

import (
	"net/http"

	"github.com/gatemeter/gatemeter/gateway/pipe"
)

// bounded holds max_payload: it answers a request whose body is announced to be
// larger than most bytes, and lets reading fail where it turns out to be.
func bounded(a *answer, r *http.Request, most int64) bool {
	if r.ContentLength > most {
		pipe.TooLarge(a, r)
		return false
	}
	if r.ContentLength < 0 && r.Body != nil {
		r.Body = http.MaxBytesReader(a, r.Body, most)
	}
	return true
}
