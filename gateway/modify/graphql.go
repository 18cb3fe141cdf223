package modify

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/http"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// graphQL is backend/graphql: the call becomes one of a GraphQL server. A backend
// with method GET is asked in the query string, any other by POST (KrakenD v3, 2.1).
type graphQL struct {
	*config.GraphQL
	params map[string]string // variable → the endpoint's parameter that it is
	next   http.RoundTripper
}

func newGraphQL(c *config.GraphQL, next http.RoundTripper) *graphQL {
	g := &graphQL{GraphQL: c, next: next, params: map[string]string{}}
	for name, v := range c.Variables {
		if param := config.VariableParam(v); param != "" {
			g.params[name] = param
		}
	}
	return g
}

// question is what a GraphQL server is asked (GraphQL over HTTP, 5.3).
type question struct {
	Query         string         `json:"query"`
	OperationName string         `json:"operationName,omitempty"`
	Variables     map[string]any `json:"variables,omitempty"`
}

// RoundTrip implements http.RoundTripper. Redirects inherit the call as it became.
func (g *graphQL) RoundTrip(r *http.Request) (*http.Response, error) {
	if redirected(r) {
		return g.next.RoundTrip(r)
	}
	variables, err := g.variables(r)
	if err != nil {
		discard(r)
		return nil, err
	}
	q := question{Query: g.Query, OperationName: g.OperationName, Variables: variables}
	r.Header["Content-Type"] = []string{"application/json"}
	if r.Method == http.MethodGet {
		return g.next.RoundTrip(inQuery(r, &q))
	}
	body, err := json.Marshal(&q)
	if err != nil {
		discard(r)
		return nil, graphQLError{err}
	}
	r.Method = http.MethodPost
	setBody(r, body)
	delete(r.Header, "Content-Encoding")
	return g.next.RoundTrip(r)
}

// variables are those of the configuration and, of a mutation, those in the body,
// which win. A parameter is a text.
func (g *graphQL) variables(r *http.Request) (map[string]any, error) {
	all := maps.Clone(g.Variables)
	if all == nil {
		all = map[string]any{}
	}
	given := params(r.Context())
	for name, param := range g.params {
		all[name] = given[param]
	}
	if !g.Mutation {
		return all, nil
	}
	body, _ := keptBody(r.Context())
	if len(body) == 0 {
		return all, nil
	}
	var own map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&own); err != nil {
		return nil, graphQLError{errors.New("the body must be a JSON object of variables")}
	}
	maps.Copy(all, own)
	return all, nil
}

// inQuery asks in the query string, beside what stands there.
func inQuery(r *http.Request, q *question) *http.Request {
	discard(r)
	r.Body, r.ContentLength, r.Trailer = nil, 0, nil
	u := *r.URL // may be shared between calls
	query := u.Query()
	query.Set("query", q.Query)
	if q.OperationName != "" {
		query.Set("operationName", q.OperationName)
	}
	if len(q.Variables) > 0 {
		text, err := json.Marshal(q.Variables)
		if err == nil { // decoded values always encode
			query.Set("variables", string(text))
		}
	}
	u.RawQuery = query.Encode()
	r.URL = &u
	return r
}

// graphQLError is why a call can't be made.
type graphQLError struct{ error }

// Error implements error.
func (e graphQLError) Error() string { return "graphql: " + e.error.Error() }

// Plain keeps the call's address out of the message.
func (graphQLError) Plain() {}

var (
	_ http.RoundTripper = (*graphQL)(nil)
)
