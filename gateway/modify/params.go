package modify

import (
	"context"
	"net/http"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// AsksParams reports whether something around e's backends looks at the endpoint's
// parameters, which a call does not carry by itself.
func AsksParams(e *config.Endpoint) bool {
	for i := range e.Backends {
		for _, c := range e.Backends[i].Checks {
			if c.Params {
				return true
			}
		}
	}
	return false
}

// KeepParams puts the endpoint's parameters, whose names these are, into the
// request's context.
func KeepParams(names []string) Check { return keepParams(names) }

type keepParams []string

// Look implements Check.
func (names keepParams) Look(_ http.ResponseWriter, r *http.Request, values []string) (*http.Request, *Refusal) {
	return r.WithContext(context.WithValue(r.Context(), paramsKey{}, pairs(names, values))), nil
}

type paramsKey struct{}

// params are those that KeepParams has put there; nil when there are none.
func params(ctx context.Context) map[string]string {
	kept, _ := ctx.Value(paramsKey{}).(map[string]string)
	return kept
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
