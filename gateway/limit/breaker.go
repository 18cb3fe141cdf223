package limit

import (
	"context"
	"errors"
	"net/http"

	"github.com/sony/gobreaker/v2"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// breaker is qos/circuit-breaker around the transport of a backend: when more than
// max_errors calls in a row have failed, none is made until timeout has passed; then
// one is tried, and decides. A call that its client gave up counts neither way.
type breaker struct {
	circuit *gobreaker.CircuitBreaker[struct{}]
	blind   bool // to statuses: every answer is a success
	next    http.RoundTripper
}

// What the breaker is told of a call, besides nil for a success.
var (
	errFailed    = errors.New("the call failed")
	errUndecided = errors.New("the call tells nothing about the backend")
)

// NewBreaker puts a breaker before next. What b makes of statuses decides which
// answers are failures: none in no-op and with return_error_details, with and without
// return_error_code all but 200 and 201 (KrakenD v3, 5 and 9.10).
func NewBreaker(c *config.Breaker, b *config.Backend, next http.RoundTripper, o *Options) http.RoundTripper {
	settings := gobreaker.Settings{
		Name:         c.Name,
		Interval:     c.Interval,
		Timeout:      c.Timeout,
		ReadyToTrip:  func(n gobreaker.Counts) bool { return int64(n.ConsecutiveFailures) > int64(c.MaxErrors) },
		IsExcluded:   func(err error) bool { return errors.Is(err, errUndecided) },
		IsSuccessful: func(err error) bool { return err == nil },
	}
	if settings.Name == "" {
		settings.Name = b.Method + " " + b.URLPattern
	}
	if c.LogStatusChange {
		settings.OnStateChange = func(name string, from, to gobreaker.State) {
			o.Logger.Warn("circuit breaker changes", "name", name, "from", from.String(), "to", to.String())
		}
	}
	return &breaker{
		circuit: gobreaker.NewCircuitBreaker[struct{}](settings),
		blind:   b.Encoding == "no-op" || b.ErrorDetails != "",
		next:    next,
	}
}

// RoundTrip implements http.RoundTripper.
func (b *breaker) RoundTrip(r *http.Request) (*http.Response, error) {
	var resp *http.Response
	var err error
	asked := false
	_, verdict := b.circuit.Execute(func() (struct{}, error) {
		asked = true
		resp, err = b.next.RoundTrip(r) //nolint:bodyclose // returned below
		return struct{}{}, b.judge(r, resp, err)
	})
	if !asked {
		return nil, unsent(r, verdict)
	}
	return resp, err
}

func (b *breaker) judge(r *http.Request, resp *http.Response, err error) error {
	switch {
	case err != nil && errors.Is(context.Cause(r.Context()), context.Canceled):
		return errUndecided
	case err != nil:
		return errFailed
	case leadsOn(r, resp): // the call it leads to passes here as well
		return errUndecided
	case !b.blind && resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated:
		return errFailed
	}
	return nil
}

// leadsOn tells whether an answer is a redirect that will be followed: one that wants
// the request's body again is not.
func leadsOn(r *http.Request, resp *http.Response) bool {
	if resp.Header.Get("Location") == "" {
		return false
	}
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		return true
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return r.Body == nil || r.Body == http.NoBody
	}
	return false
}

var _ http.RoundTripper = (*breaker)(nil)
