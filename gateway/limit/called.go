package limit

import (
	"errors"
	"net/http"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// ErrRate says that a backend is called more often than its qos/ratelimit/proxy
// allows. To the endpoint it is an error of the backend: 500, or a partial answer.
var ErrRate = errors.New("rate limit of the backend exceeded")

// called is qos/ratelimit/proxy around the transport of a backend.
type called struct {
	bucket *bucket
	next   http.RoundTripper
}

// NewCalled lets next be called as often as r allows; others fail with ErrRate. A
// redirect that is followed belongs to the call that it answers.
func NewCalled(r config.Rate, next http.RoundTripper, o *Options) http.RoundTripper {
	return &called{bucket: newBucket(r, o.now()), next: next}
}

// RoundTrip implements http.RoundTripper.
func (c *called) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Response == nil && !c.bucket.allow() {
		return nil, unsent(r, ErrRate)
	}
	return c.next.RoundTrip(r)
}

// unsent ends a request that does not leave, as a RoundTripper must.
func unsent(r *http.Request, err error) error {
	if r.Body != nil {
		_ = r.Body.Close() // nothing of it is wanted
	}
	return err
}
