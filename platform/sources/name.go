package sources

import (
	"context"
	"net/http"
	"strings"
)

// Names of sources that have none of their own.
const (
	Unnamed = "(unnamed)"
	Others  = "(others)"
)

const maxName = 64 // bytes

type sourceKey struct{}

// Named hands requests on to next with the name of who sends them.
func Named(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sourceKey{}, nameOf(r.Header))))
	})
}

func of(ctx context.Context) string {
	if name, ok := ctx.Value(sourceKey{}).(string); ok {
		return name
	}
	return Unnamed
}

// nameOf returns what SDKs and gateways call themselves, with the version: the first
// product of User-Agent, or X-Moesif-SDK, which browsers send (Moesif wire, 0).
func nameOf(h http.Header) string {
	name := h.Get("X-Moesif-SDK")
	if name == "" {
		name = h.Get("User-Agent")
	}
	name, _, _ = strings.Cut(strings.TrimSpace(name), " ")
	printable := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, name[:min(len(name), maxName)])
	if printable == "" {
		return Unnamed
	}
	return printable
}
