package gateway

import (
	"net/http"
	"strings"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/route"
)

// rest are the endpoints called /__catchall, by method; nil when there are none. They
// stand where the 404 would be: a request that would be redirected, or told that its
// path has other methods, is so with them too. The reference does not say what
// KrakenD Enterprise does with those.
type rest map[string]*endpoint

// anyMethod are the methods of a /__catchall that names none. Those of the second
// list need an endpoint that passes answers on as they are.
var (
	anyMethod   = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	bodiless    = []string{http.MethodHead, http.MethodOptions}
	restPattern = route.Pattern{Text: config.CatchAll, Names: []string{route.Rest}}
)

// parsePath is route.Parse, also for /__catchall.
func parsePath(path string, loose bool) (route.Pattern, error) {
	if path == config.CatchAll {
		return restPattern, nil
	}
	return route.Parse(path, loose)
}

func (h *handler) addRest(c *config.Endpoint, p route.Pattern, made endpoint) {
	h.name(&made, c.Method, p)
	if h.rest == nil {
		h.rest = rest{}
	}
	methods := []string{c.Method}
	if c.Method == "" {
		methods = anyMethod
		if c.OutputEncoding == "no-op" {
			methods = append(methods[:len(methods):len(methods)], bodiless...)
		}
	}
	for _, m := range methods {
		if _, taken := h.rest[m]; !taken || c.Method != "" { // one that names its method goes first
			h.rest[m] = &made
		}
	}
}

// lookupRest is the table's Lookup for what it has nothing for.
func (h *handler) lookupRest(method, path string, buf []string) (*endpoint, route.Params, bool) {
	e := h.rest[method]
	if e == nil || !strings.HasPrefix(path, "/") {
		return nil, route.Params{}, false
	}
	if _, redirect := h.table.Redirect(method, path, h.redirects()); redirect {
		return nil, route.Params{}, false
	}
	if !h.router.DisableHandleMethodNotAllowed && h.table.Allowed(method, path) != nil {
		return nil, route.Params{}, false
	}
	return e, route.Params{Names: e.names, Values: append(buf, path[1:])}, true
}

// climbing says what is wrong with what a wildcard matched, "" when nothing is: a dot
// segment leads out of what it stands for, and an empty one past the endpoints that
// have the same path without it. A parameter has no slash.
func climbing(value string) string {
	if !strings.Contains(value, "/") {
		return ""
	}
	for value != "" {
		segment, after, more := strings.Cut(value, "/")
		switch {
		case segment == "." || segment == "..":
			return "dot segment in url params"
		case segment == "" && more:
			return "empty segment in url params"
		}
		value = after
	}
	return ""
}
