package modify

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
	"github.com/gatemeter/gatemeter/policy"
)

// expressions are those of one place and phase; all must pass.
type expressions struct {
	list                   []*policy.Check
	headers, query, params bool // some look at them
}

func newExpressions(list []*policy.Check) expressions {
	x := expressions{list: list}
	for _, c := range list {
		x.headers = x.headers || c.Headers
		x.query = x.query || c.Query
		x.params = x.params || c.Params
	}
	return x
}

// failed is the number of the first that s does not meet, counted from 0 among
// those of its phase; -1 when s meets them all.
func (x *expressions) failed(s *moesif.Subject) int {
	for i, c := range x.list {
		if !c.Pass(s) {
			return i
		}
	}
	return -1
}

// celCheck is validation/cel of an endpoint (KrakenD v3, 4.4). req_path is the
// client's path, decoded; of headers and query strings there is what the endpoint
// lets through.
type celCheck struct {
	expressions
	view  view
	names []string // of the endpoint's parameters
	token bool     // they are about the claims
}

// NewCEL asks e's expressions about requests: 500 where one does not pass. names
// are its parameters. nil when there are none.
func NewCEL(e *config.Endpoint, names []string, seen Seen) Check {
	if len(e.Checks) == 0 {
		return nil
	}
	return &celCheck{expressions: newExpressions(e.Checks), view: newView(e, seen), names: names}
}

// NewTokenCEL asks e's expressions about validated tokens: 401 where one does not
// pass. nil when there are none.
func NewTokenCEL(e *config.Endpoint, names []string, seen Seen) Check {
	if len(e.TokenChecks) == 0 {
		return nil
	}
	return &celCheck{expressions: newExpressions(e.TokenChecks), view: newView(e, seen), names: names, token: true}
}

// Look implements Check.
func (c *celCheck) Look(_ http.ResponseWriter, r *http.Request, values []string) (*http.Request, *Refusal) {
	s := moesif.Subject{Time: time.Now(), Method: r.Method, Host: r.Host, Path: c.view.Path(r)}
	if c.headers {
		s.Headers = c.view.fields(r)
	}
	if c.query {
		s.RawQuery = c.view.query(r)
	}
	if c.params {
		s.Params = pairs(c.names, values)
	}
	if c.token {
		s.Claims = c.view.Claims(r.Context())
	}
	i := c.failed(&s)
	switch {
	case i < 0:
		return r, nil
	case c.token:
		return nil, &Refusal{Status: http.StatusUnauthorized, Reason: moesif.Unauthenticated, Bare: true}
	}
	return nil, &Refusal{Status: http.StatusInternalServerError, Text: Aborted(i).Error(), Reason: moesif.Forbidden}
}

// Aborted says that an expression stopped a call: its number, from 0.
type Aborted int

// Error implements error, in KrakenD's words.
func (a Aborted) Error() string { return fmt.Sprintf("request aborted by evaluator #%d", int(a)) }

// Plain keeps the call's address out of the message.
func (Aborted) Plain() {}

// celCalls is validation/cel of a backend. req_path is the path, and what there is of
// headers and query strings is all, that the backend is asked with.
type celCalls struct {
	expressions
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (c *celCalls) RoundTrip(r *http.Request) (*http.Response, error) {
	if redirected(r) {
		return c.next.RoundTrip(r)
	}
	s := moesif.Subject{Time: time.Now(), Method: r.Method, Host: r.URL.Host, Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	if c.headers {
		s.Headers = fieldsOf(r.Header)
	}
	if c.params {
		s.Params = params(r.Context())
	}
	if i := c.failed(&s); i >= 0 {
		discard(r)
		return nil, Aborted(i)
	}
	return c.next.RoundTrip(r)
}

var (
	_ Check             = (*celCheck)(nil)
	_ http.RoundTripper = (*celCalls)(nil)
)
