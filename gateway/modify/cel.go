package modify

import (
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
	"github.com/gatemeter/gatemeter/policy"
)

// expressions are those of one place and phase; all must hold.
type expressions struct {
	sets                   []*policy.Set
	headers, query, params bool // some look at them
	logger                 *slog.Logger
}

func newExpressions(sets []*policy.Set, logger *slog.Logger) expressions {
	x := expressions{sets: sets, logger: logger}
	for _, set := range sets {
		for _, c := range set.Checks {
			x.headers = x.headers || c.Headers
			x.query = x.query || c.Query
			x.params = x.params || c.Params
		}
	}
	return x
}

// ask is nil when s meets them all.
func (x *expressions) ask(s *moesif.Subject) *policy.Aborted {
	for _, set := range x.sets {
		if aborted := set.Request(x.logger, s); aborted != nil {
			return aborted
		}
	}
	return nil
}

// endpointView is what the expressions of an endpoint see of a request (KrakenD v3,
// 4.4). req_path is the client's path, decoded; of headers and query strings there is
// what the endpoint lets through.
type endpointView struct {
	expressions
	view  view
	names []string // of the endpoint's parameters
}

func (v *endpointView) subject(r *http.Request, values []string) *moesif.Subject {
	s := &moesif.Subject{Time: time.Now(), Method: r.Method, Host: r.Host, Path: v.view.Path(r)}
	if v.headers {
		s.Headers = v.view.fields(r)
	}
	if v.query {
		s.RawQuery = v.view.query(r)
	}
	if v.params {
		s.Params = pairs(v.names, values)
	}
	return s
}

// requestCheck is validation/cel and security/policies about requests.
type requestCheck struct{ endpointView }

// NewCEL asks e's expressions about requests: 500, or what the policies say, where one
// does not hold. names are its parameters. nil when there are none.
func NewCEL(e *config.Endpoint, names []string, seen Seen, logger *slog.Logger) Check {
	if len(e.Checks) == 0 {
		return nil
	}
	return &requestCheck{endpointView{newExpressions(e.Checks, logger), newView(e, seen), names}}
}

// Look implements Check.
func (c *requestCheck) Look(_ http.ResponseWriter, r *http.Request, values []string) (*http.Request, *Refusal) {
	aborted := c.ask(c.subject(r, values))
	if aborted == nil {
		return r, nil
	}
	return nil, &Refusal{Status: aborted.Status, Text: aborted.Error(), ContentType: aborted.ContentType, Reason: moesif.Forbidden}
}

// tokenCheck is validation/cel and security/policies about validated tokens.
type tokenCheck struct{ endpointView }

// NewTokenCEL asks e's expressions about validated tokens: 401, or what the policies
// say, where one does not hold. nil when there are none.
func NewTokenCEL(e *config.Endpoint, names []string, seen Seen, logger *slog.Logger) Check {
	if len(e.TokenChecks) == 0 {
		return nil
	}
	return &tokenCheck{endpointView{newExpressions(e.TokenChecks, logger), newView(e, seen), names}}
}

// Look implements Check. The answer is that of a guard, not the endpoint's. Whom a 403
// is about is known, and proven.
func (c *tokenCheck) Look(_ http.ResponseWriter, r *http.Request, values []string) (*http.Request, *Refusal) {
	s := c.subject(r, values)
	s.Claims = c.view.Claims(r.Context())
	aborted := c.ask(s)
	if aborted == nil {
		return r, nil
	}
	reason := moesif.Unauthenticated
	if aborted.Status == http.StatusForbidden {
		reason = moesif.Forbidden
	}
	return nil, &Refusal{Status: aborted.Status, Text: aborted.Body, ContentType: aborted.ContentType, Reason: reason, Bare: true}
}

// keepRequest keeps what policies about answers see of their requests.
type keepRequest struct{ endpointView }

// NewKeepRequest is for policies of e about answers that name something of the request.
// nil when none does.
func NewKeepRequest(e *config.Endpoint, names []string, seen Seen) Check {
	if !slices.ContainsFunc(e.AnswerChecks, func(s *policy.Set) bool { return s.WithRequest }) {
		return nil
	}
	return &keepRequest{endpointView{newExpressions(e.AnswerChecks, nil), newView(e, seen), names}}
}

// Look implements Check.
func (c *keepRequest) Look(_ http.ResponseWriter, r *http.Request, values []string) (*http.Request, *Refusal) {
	return r.WithContext(policy.WithRequest(r.Context(), c.subject(r, values))), nil
}

// celCalls is validation/cel and security/policies of a backend. req_path is the path,
// and what there is of headers and query strings is all, that the backend is asked with.
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
	if aborted := c.ask(&s); aborted != nil {
		discard(r)
		return nil, aborted
	}
	return c.next.RoundTrip(r)
}

var (
	_ Check             = (*requestCheck)(nil)
	_ Check             = (*tokenCheck)(nil)
	_ Check             = (*keepRequest)(nil)
	_ http.RoundTripper = (*celCalls)(nil)
)
