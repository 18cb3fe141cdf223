package modify

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// NewKeep puts into the request's context what stands around e's backends asks for
// and a call does not carry by itself: the endpoint's parameters, whose names these
// are, and the whole body. It is empty when nothing does.
func NewKeep(e *config.Endpoint, names []string) []Check {
	var params, body, need bool
	for i := range e.Backends {
		b := &e.Backends[i]
		params = params || newExpressions(b.Checks, nil).params
		if b.GraphQL != nil {
			params, need = true, need || b.GraphQL.Mutation
		}
		if b.Lua.RunsBefore() {
			params, need = true, need || b.Lua.Body
		}
		body = body || b.Client != nil && b.Client.SendBodyOnRedirect
	}
	var list []Check
	if params {
		list = append(list, keepParams(names))
	}
	if body || need {
		list = append(list, keepBody{patience: e.Timeout, need: need})
	}
	return list
}

type keepParams []string

// Look implements Check.
func (names keepParams) Look(_ http.ResponseWriter, r *http.Request, values []string) (*http.Request, *Refusal) {
	return r.WithContext(context.WithValue(r.Context(), paramsKey{}, pairs(names, values))), nil
}

type paramsKey struct{}

// params are those that were kept; nil when there are none.
func params(ctx context.Context) map[string]string {
	kept, _ := ctx.Value(paramsKey{}).(map[string]string)
	return kept
}

// WithParams adds parameters to those that were kept: what looks into a call sees them
// beside the endpoint's.
func WithParams(ctx context.Context, more map[string]string) context.Context {
	all := maps.Clone(params(ctx))
	if all == nil {
		all = make(map[string]string, len(more))
	}
	maps.Copy(all, more)
	return context.WithValue(ctx, paramsKey{}, all)
}

func pairs(names, values []string) map[string]string {
	if len(names) == 0 {
		return nil
	}
	m := make(map[string]string, len(names))
	for i, name := range names {
		m[name] = values[i]
	}
	return m
}

// keepBody reads the body before the backend is asked. One of more than maxBody
// bytes is not kept; where it is needed that is a 413.
type keepBody struct {
	patience time.Duration
	need     bool
}

// Look implements Check.
func (k keepBody) Look(w http.ResponseWriter, r *http.Request, _ []string) (*http.Request, *Refusal) {
	body, again, err := wholeBody(w, r, k.patience)
	switch {
	case errors.Is(err, errTooLong) && !k.need:
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // the backend gets the rest; the next read tells
		return again, nil
	case errors.Is(err, errTooLong):
		return nil, badBody(http.StatusRequestEntityTooLarge, err.Error())
	case errors.Is(err, errTooSlow):
		return nil, badBody(http.StatusRequestTimeout, err.Error())
	case err != nil:
		return nil, &Refusal{Status: http.StatusBadRequest, Text: "the body can't be read", Reason: moesif.BadRequest}
	}
	return again.WithContext(context.WithValue(again.Context(), bodyKey{}, body)), nil
}

type bodyKey struct{}

// keptBody is the request's whole body, which must not be changed; ok is false when
// it was not kept.
func keptBody(ctx context.Context) (body []byte, ok bool) {
	body, ok = ctx.Value(bodyKey{}).([]byte)
	return body, ok
}

// again lets redirects have the body once more (send_body_on_redirect). The call is
// changed in place, for the client that follows them.
type again struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (a again) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.GetBody == nil {
		body, ok := keptBody(r.Context())
		if own, is := r.Body.(*ownBody); is {
			body, ok = own.text, true
		}
		if ok {
			r.GetBody = func() (io.ReadCloser, error) { return newOwnBody(body), nil }
		}
	}
	return a.next.RoundTrip(r)
}

var (
	_ Check             = keepParams(nil)
	_ Check             = keepBody{}
	_ http.RoundTripper = again{}
)
